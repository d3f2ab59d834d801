package vcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const (
	systemsDir = "/srv/ganeti/os"
	callsFile  = "/srv/vc/os-calls"
)

// OSCall is one call of an operating system's script by Ganeti.
type OSCall struct {
	OS        string // the name of the operating system
	Script    string // "create", "rename", ...
	Instance  string
	Node      string // where it ran
	Reinstall bool   // whether create was told to reinstall
}

// installSystems writes the definitions of the operating systems. Their path is
// the same on all nodes: that of the host, which has a private mount there.
func (c *Cluster) installSystems() error {
	for name, code := range map[string]string{OSNoop: "0", OSFailing: "1"} {
		files := map[string]string{"ganeti_api_version": "20\n", "parameters.list": ""}
		for _, script := range []string{"create", "import", "export", "rename", "verify"} {
			body := "#!/bin/sh\n"
			if script != "verify" {
				// One short write with O_APPEND each, so concurrent calls do not mix.
				body += fmt.Sprintf("echo %s %s \"$INSTANCE_NAME\" \"$INSTANCE_PRIMARY_NODE\" \"reinstall=${INSTANCE_REINSTALL:-0}\" >>%s\n",
					name, script, callsFile)
			}
			if script == "create" {
				body += "exit " + code + "\n"
			}
			files[script] = body
		}
		for file, content := range files {
			mode := fs.FileMode(0o644)
			if strings.HasPrefix(content, "#!") {
				mode = 0o755
			}
			if err := c.WriteFile(systemsDir+"/"+name+"/"+file, []byte(content), mode); err != nil {
				return fmt.Errorf("install operating system %s: %w", name, err)
			}
		}
	}
	return nil
}

// learnNodes notes the nodes' UUIDs, which the scripts are told.
func (c *Cluster) learnNodes(ctx context.Context) error {
	rows, err := c.Query(ctx, "node", []string{"uuid", "name"}, nil)
	if err != nil {
		return err
	}
	c.nodeNames = make(map[string]string)
	for _, row := range rows {
		var uuid, name string
		if err := unpack(row, &uuid, &name); err != nil {
			return err
		}
		c.nodeNames[uuid] = name
	}
	return nil
}

// OSCalls returns the calls of the operating systems' scripts since the start, in
// order.
func (c *Cluster) OSCalls() ([]OSCall, error) {
	data, err := c.ReadFile(callsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var calls []OSCall
	for _, l := range lines(string(data)) {
		f := strings.Fields(l)
		if len(f) != 5 {
			return nil, fmt.Errorf("vcluster: strange line in %s: %q", callsFile, l)
		}
		calls = append(calls, OSCall{OS: f[0], Script: f[1], Instance: f[2], Node: c.nodeNames[f[3]], Reinstall: f[4] == "reinstall=1"})
	}
	return calls, nil
}
