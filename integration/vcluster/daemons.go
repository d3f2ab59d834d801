package vcluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"
)

// The daemons of a node.
const (
	Noded  = "noded"
	Confd  = "confd"
	Wconfd = "wconfd" // on the master only
	Luxid  = "luxid"  // on the master only
	Rapi   = "rapi"   // on the master only
)

// stopWait bounds, in seconds, the wait for the end of a daemon.
const stopWait = "600"

// pidFile returns the path inside of the file with the daemon's process id.
func (c *Cluster) pidFile(node, daemon string) string {
	return c.Root(node) + "/var/run/ganeti/ganeti-" + daemon + ".pid"
}

// DaemonPid returns the process id, inside, of the daemon on the node; 0 if it
// does not run.
func (c *Cluster) DaemonPid(ctx context.Context, node, daemon string) (int, error) {
	data, err := c.ReadFile(c.pidFile(node, daemon))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("vcluster: pid file of %s on %s: %w", daemon, node, err)
	}
	// The same test as daemon-util's check.
	_, err = c.Run(ctx, node, "start-stop-daemon", "--stop", "--signal", "0", "--quiet",
		"--pidfile", c.pidFile(node, daemon), "--name", "ganeti-"+daemon)
	var failed *CommandError
	if errors.As(err, &failed) && failed.ExitCode() == 1 {
		return 0, nil
	}
	return pid, err
}

// StopDaemon stops a daemon of the node, if it runs, and waits for its end.
func (c *Cluster) StopDaemon(ctx context.Context, node, daemon string) error {
	return c.signalDaemon(ctx, node, daemon, "TERM/"+stopWait)
}

// KillDaemon ends a daemon of the node, if it runs, by kill -9 and waits for
// its end. Its pid file, which would hinder the next start, is removed; what
// else it leaves, such as a socket, stays.
func (c *Cluster) KillDaemon(ctx context.Context, node, daemon string) error {
	return c.signalDaemon(ctx, node, daemon, "KILL/"+stopWait)
}

func (c *Cluster) signalDaemon(ctx context.Context, node, daemon, schedule string) error {
	_, err := c.Run(ctx, node, "start-stop-daemon", "--stop", "--oknodo", "--quiet", "--retry", schedule,
		"--pidfile", c.pidFile(node, daemon), "--name", "ganeti-"+daemon)
	if err != nil {
		return fmt.Errorf("stop %s: %w", daemon, err)
	}
	// start-stop-daemon refuses to start a daemon whose stale pid file belongs
	// to another user than root.
	return c.RemoveFile(c.pidFile(node, daemon))
}

// StartDaemon starts a daemon of the node, if it does not run, and waits until
// it answers.
func (c *Cluster) StartDaemon(ctx context.Context, node, daemon string, args ...string) error {
	start := append([]string{"/usr/lib/ganeti/daemon-util", "start", "ganeti-" + daemon}, args...)
	if _, err := c.Run(ctx, node, start...); err != nil {
		return fmt.Errorf("start %s: %w", daemon, err)
	}
	switch daemon {
	case Noded:
		return c.waitPort(ctx, node, 1811)
	case Rapi:
		return c.waitPort(ctx, node, 5080)
	case Luxid:
		return until(ctx, "luxid", func(ctx context.Context) error {
			_, err := c.Call(ctx, "QueryConfigValues", []string{"cluster_name"})
			return err
		})
	case Wconfd:
		return until(ctx, "wconfd", func(ctx context.Context) error {
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, "unix", c.HostPath(c.Root(node)+"/var/run/ganeti/socket/ganeti-wconfd"))
			if err == nil {
				conn.Close()
			}
			return err
		})
	}
	return nil
}

// waitPort waits until the node accepts connections on a TCP port.
func (c *Cluster) waitPort(ctx context.Context, node string, port int) error {
	address, err := c.address(node)
	if err != nil {
		return err
	}
	return until(ctx, fmt.Sprintf("port %d of %s", port, node), func(ctx context.Context) error {
		conn, err := c.dial("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err == nil {
			conn.Close()
		}
		return err
	})
}

// address returns the IP address of a node.
func (c *Cluster) address(node string) (string, error) {
	for k, name := range c.Nodes() {
		if name == node {
			return fmt.Sprintf("192.0.2.%d", 10+k), nil
		}
	}
	return "", fmt.Errorf("vcluster: there is no node %s", node)
}
