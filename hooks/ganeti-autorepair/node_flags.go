package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// nodeFlags are the flags of the nodes that have some, by UUID: "offline",
// "drained", "not vm_capable".
type nodeFlags map[string]string

// nodeFlagsFile is the name of the file with the flags that the last pass found. A
// pass is due at once when they differ (W7).
const nodeFlagsFile = "node-flags"

func (f nodeFlags) add(uuid string, offline, drained, vmCapable bool) {
	var words []string
	if offline {
		words = append(words, "offline")
	}
	if drained {
		words = append(words, "drained")
	}
	if !vmCapable {
		words = append(words, "not vm_capable")
	}
	if len(words) > 0 {
		f[uuid] = strings.Join(words, ", ")
	}
}

// flagsOf returns the flags of the nodes of a snapshot.
func flagsOf(s *repair.Snapshot) nodeFlags {
	flags := nodeFlags{}
	for _, n := range s.Nodes {
		flags.add(n.UUID, n.Offline, n.Drained, n.VMCapable)
	}
	return flags
}

// readNodeFlags asks luxid for the flags. luxid has them in its configuration and
// asks no node.
func readNodeFlags(ctx context.Context, c *luxi.Client) (nodeFlags, error) {
	t, err := c.Query(ctx, luxi.ResNode, []string{"uuid", "offline", "drained", "vm_capable"}, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the flags of nodes: %w", err)
	}
	flags := nodeFlags{}
	for row := range t.Rows {
		var uuid string
		var offline, drained, vmCapable bool
		if err := t.Scan(row, &uuid, &offline, &drained, &vmCapable); err != nil {
			return nil, fmt.Errorf("reading the flags of nodes: %w", err)
		}
		flags.add(uuid, offline, drained, vmCapable)
	}
	return flags, nil
}

// differ reports whether the flags are not those of the last pass. It is false if
// these are not known.
func (f nodeFlags) differ(state stateDir) bool {
	data, err := os.ReadFile(state.file(nodeFlagsFile))
	if err != nil {
		return false
	}
	var last nodeFlags
	return json.Unmarshal(data, &last) == nil && !reflect.DeepEqual(f, last)
}

// write keeps the flags for the next pass.
func (f nodeFlags) write(state stateDir) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return replaceFile(state.file(nodeFlagsFile), data, 0o600)
}
