package vcluster

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
)

// privatePath returns how the outside reaches a path inside that can be written
// without touching the host's own files.
func (c *Cluster) privatePath(inside string) (string, error) {
	if c.isClosed() {
		return "", errClosed
	}
	clean := path.Clean(inside)
	if !strings.HasPrefix(clean, "/srv/") {
		return "", fmt.Errorf("vcluster: %s is not below /srv", inside)
	}
	return c.HostPath(clean), nil
}

// WriteFile writes a file below /srv inside, with that very mode, and makes the
// directories to it.
func (c *Cluster) WriteFile(pathInside string, data []byte, mode os.FileMode) error {
	p, err := c.privatePath(pathInside)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(path.Dir(p), 0o755); err != nil {
		return fmt.Errorf("vcluster: write %s: %w", pathInside, err)
	}
	// By way of a new file: an executable may be running.
	if err := os.WriteFile(p+".new", data, 0o600); err != nil {
		return fmt.Errorf("vcluster: write %s: %w", pathInside, err)
	}
	if err := os.Chmod(p+".new", mode); err != nil {
		return fmt.Errorf("vcluster: write %s: %w", pathInside, err)
	}
	if err := os.Rename(p+".new", p); err != nil {
		return fmt.Errorf("vcluster: write %s: %w", pathInside, err)
	}
	return nil
}

// ReadFile returns the content of a file below /srv inside.
func (c *Cluster) ReadFile(pathInside string) ([]byte, error) {
	p, err := c.privatePath(pathInside)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(p)
	if err != nil {
		return nil, fmt.Errorf("vcluster: read %s: %w", pathInside, err)
	}
	return data, nil
}

// RemoveFile removes a file, or directory with all in it, below /srv inside. It
// need not exist.
func (c *Cluster) RemoveFile(pathInside string) error {
	p, err := c.privatePath(pathInside)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(p); err != nil {
		return fmt.Errorf("vcluster: remove %s: %w", pathInside, err)
	}
	return nil
}

// hookDir returns the directory of the node's watcher hooks.
func (c *Cluster) hookDir(node string) string {
	return c.Root(node) + "/etc/ganeti/hooks/watcher"
}

// InstallHook installs an executable as a hook of the node's watcher. Ganeti
// ignores names with characters other than letters, digits, "_" and "-".
func (c *Cluster) InstallHook(_ context.Context, node, name string, content []byte) error {
	return c.WriteFile(c.hookDir(node)+"/"+name, content, 0o755)
}

// RemoveHook removes a hook of the node's watcher.
func (c *Cluster) RemoveHook(node, name string) error {
	return c.RemoveFile(c.hookDir(node) + "/" + name)
}

// Watcher runs ganeti-watcher on the node as cron does there, and returns its
// output. What it logged is in the file returned by WatcherLog.
func (c *Cluster) Watcher(ctx context.Context, node string, args ...string) (string, error) {
	argv := append([]string{"/usr/sbin/ganeti-watcher"}, args...)
	stdout, stderr, err := c.output(ctx, node, nil, argv...)
	if err != nil {
		err = &CommandError{Node: node, Args: argv, Stdout: stdout, Stderr: stderr, Err: err}
	}
	return stdout + stderr, err
}

// WatcherLog returns the path, inside, of the log of the node's watcher.
func (c *Cluster) WatcherLog(node string) string {
	return c.Root(node) + "/var/log/ganeti/watcher.log"
}

// removeContent empties a directory.
func (c *Cluster) removeContent(dirInside string, suffixes ...string) error {
	p, err := c.privatePath(dirInside)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(p)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		wanted := len(suffixes) == 0
		for _, s := range suffixes {
			wanted = wanted || strings.HasSuffix(e.Name(), s)
		}
		if wanted {
			if err := c.RemoveFile(path.Join(dirInside, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// ForgetWatcher removes what the node's watcher keeps from run to run, such as
// its counts of restarts, and its log.
func (c *Cluster) ForgetWatcher(node string) error {
	if err := c.removeContent(c.Root(node)+"/var/lib/ganeti", ".watcher.data", ".instance-status", "watcher.pause"); err != nil {
		return err
	}
	return c.RemoveFile(c.WatcherLog(node))
}

// ForgetJobs removes the files of all jobs from the node's queue. luxid must not
// run meanwhile.
func (c *Cluster) ForgetJobs(node string) error {
	queue := c.Root(node) + "/var/lib/ganeti/queue"
	if err := c.removeContent(queue + "/archive"); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.HostPath(queue))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "job-") {
			if err := c.RemoveFile(path.Join(queue, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
