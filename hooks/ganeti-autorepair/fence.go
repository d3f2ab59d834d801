package main

import (
	"context"

	"ganeti-autorepair/hooks/internal/outside"
	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
	"ganeti-autorepair/plugin/repair"
)

// fenceOOB is the setting that has Ganeti's own out-of-band programs switch nodes
// off.
const fenceOOB = "oob"

// fence returns the fence of a setting; nil if there is none.
func (e *env) fence(setting string, c *luxi.Client) plugin.Fence {
	switch setting {
	case "", repair.NoFence:
		return nil
	case fenceOOB:
		return (&oobFence{client: c, now: e.now}).ask
	}
	return commandFence(setting)
}

// commandFence returns the fence that runs a program with a node's name and the
// names of its instances. Status 0 says that these do not run there any more, and
// cannot start there by themselves (V5).
func commandFence(path string) plugin.Fence {
	return func(ctx context.Context, node string, instances []string) error {
		return outside.Program{Path: path, Args: append([]string{node}, instances...)}.Run(ctx)
	}
}
