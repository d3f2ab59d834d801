package vcluster

import (
	"context"
	"fmt"
	"strconv"
)

// setNode changes a node's flags as gnt-node modify does.
func (c *Cluster) setNode(ctx context.Context, node, flag string, value bool) error {
	return c.runJob(ctx, nodeOpcode(node, flag, value))
}

func nodeOpcode(node, flag string, value bool) Opcode {
	return Opcode{
		"OP_ID":        "OP_NODE_SET_PARAMS",
		"node_name":    node,
		"force":        true,
		"auto_promote": true,
		flag:           value,
	}
}

// Offline sets the node's offline flag. The node itself is left alone: see
// NodeDead and PowerOff.
func (c *Cluster) Offline(ctx context.Context, node string) error {
	return c.setNode(ctx, node, "offline", true)
}

// Online clears the node's offline flag, for which its node daemon has to
// answer.
func (c *Cluster) Online(ctx context.Context, node string) error {
	return c.setNode(ctx, node, "offline", false)
}

// Drain sets the node's drained flag.
func (c *Cluster) Drain(ctx context.Context, node string) error {
	return c.setNode(ctx, node, "drained", true)
}

// Undrain clears the node's drained flag.
func (c *Cluster) Undrain(ctx context.Context, node string) error {
	return c.setNode(ctx, node, "drained", false)
}

// NodeDead makes the node unreachable: its node daemon and all that it is doing
// are killed. The instances there go on.
func (c *Cluster) NodeDead(ctx context.Context, node string) error {
	pid, err := c.DaemonPid(ctx, node, Noded)
	if err != nil {
		return err
	}
	if pid == 0 {
		return nil
	}
	// A process serves each request, in the daemon's process group.
	const script = `read -r stat </proc/$1/stat && set -- ${stat##*) } && kill -KILL -- -$3`
	if _, err := c.Run(ctx, node, "bash", "-c", script, "kill-group", strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("kill node daemon: %w", err)
	}
	return c.KillDaemon(ctx, node, Noded)
}

// NodeAlive is the opposite of NodeDead: it starts the node daemon.
func (c *Cluster) NodeAlive(ctx context.Context, node string) error {
	return c.StartDaemon(ctx, node, Noded)
}

// PowerOff makes the node unreachable and ends all its instances, as a loss of
// power does. NodeAlive brings it back, without the instances.
func (c *Cluster) PowerOff(ctx context.Context, node string) error {
	if err := c.NodeDead(ctx, node); err != nil {
		return err
	}
	running, err := c.Running(node)
	if err != nil {
		return err
	}
	for _, name := range running {
		if err := c.CrashInstance(node, name); err != nil {
			return err
		}
	}
	return nil
}
