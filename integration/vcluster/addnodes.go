package vcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// addNodes makes the node groups and adds all nodes but the master. It does
// what gnt-node add does, but without ssh, for all nodes at once and in a single
// job, which halves the time.
func (c *Cluster) addNodes(ctx context.Context) error {
	names := c.Nodes()[1:]
	secrets, err := c.nodeSecrets()
	if err != nil {
		return err
	}
	err = c.inParallel(names, func(name string) error { return c.setUpNode(ctx, name, secrets) })
	if err != nil {
		return err
	}

	var ops []Opcode
	for _, g := range c.opts.newGroups() {
		ops = append(ops, Opcode{"OP_ID": "OP_GROUP_ADD", "group_name": g})
	}
	for _, name := range names {
		ops = append(ops, Opcode{"OP_ID": "OP_NODE_ADD", "node_name": name, "group": c.opts.group(name)})
	}
	if g := c.opts.group(masterName); g != defaultGroup {
		ops = append(ops, Opcode{"OP_ID": "OP_GROUP_ASSIGN_NODES", "group_name": g, "nodes": []string{masterName}, "force": true})
	}
	if len(ops) == 0 {
		return nil
	}
	if err := c.runJob(ctx, ops...); err != nil {
		return fmt.Errorf("add nodes: %w", err)
	}
	return nil
}

// nodeSecrets returns what the node daemon of a new node has to know of the
// cluster (bootstrap.SetupNodeDaemon in Ganeti).
func (c *Cluster) nodeSecrets() (map[string]interface{}, error) {
	dir := c.Root(masterName) + "/var/lib/ganeti"
	certificate, err := c.ReadFile(dir + "/server.pem")
	if err != nil {
		return nil, err
	}
	hmac, err := c.ReadFile(dir + "/hmac.key")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(c.HostPath(dir))
	if err != nil {
		return nil, fmt.Errorf("read the master's ssconf files: %w", err)
	}
	const prefix = "ssconf_"
	ssconf := make(map[string]string)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			value, err := c.ReadFile(dir + "/" + e.Name())
			if err != nil {
				return nil, err
			}
			ssconf[strings.TrimPrefix(e.Name(), prefix)] = strings.TrimRight(string(value), "\n")
		}
	}
	return map[string]interface{}{
		"cluster_name":            clusterName,
		"node_daemon_certificate": string(certificate),
		"hmac_key":                string(hmac),
		"ssconf":                  ssconf,
		"start_node_daemon":       true,
	}, nil
}

// setUpNode prepares a node for being added and starts its node daemon.
func (c *Cluster) setUpNode(ctx context.Context, name string, secrets map[string]interface{}) error {
	input := map[string]interface{}{"node_name": name}
	for k, v := range secrets {
		input[k] = v
	}
	data, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("set up %s: %w", name, err)
	}
	if _, err := c.run(ctx, name, bytes.NewReader(data), "/usr/lib/ganeti/node-daemon-setup"); err != nil {
		return fmt.Errorf("set up node daemon: %w", err)
	}
	return c.waitPort(ctx, name, 1811)
}
