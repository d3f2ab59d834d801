package main

import (
	"context"

	"ganeti-autorepair/hooks/internal/outside"
	"ganeti-autorepair/plugin"
)

// commandFence returns the fence that runs a program with a node's name and the
// names of its instances. Status 0 says that these do not run there any more, and
// cannot start there by themselves (V5).
func commandFence(path string) plugin.Fence {
	return func(ctx context.Context, node string, instances []string) error {
		return outside.Program{Path: path, Args: append([]string{node}, instances...)}.Run(ctx)
	}
}
