package vcluster

import (
	"context"
	_ "embed" // for the scripts
	"fmt"
	"strings"
	"time"
)

//go:embed save.sh
var saveScript string

//go:embed restore.sh
var restoreScript string

// Image is a prepared cluster: the files that its nodes have when the cluster was
// initialized, all nodes were added and nothing has happened since. Each cluster that is
// started from it is as if it had just been made, and takes a fifth of the time. An image
// is constant and lives in memory.
type Image struct {
	opts      Options
	files     string            // a tar archive
	nodeNames map[string]string // by UUID
}

// Prepare makes an image: it starts a cluster, ends it and keeps its files.
func Prepare(ctx context.Context, o Options) (*Image, error) {
	c, err := Start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for _, daemon := range []string{Luxid, Wconfd} {
		if err := c.StopDaemon(ctx, masterName, daemon); err != nil {
			return nil, fmt.Errorf("vcluster: prepare: %w", err)
		}
	}
	files, err := c.Run(ctx, "", "bash", "-c", saveScript, "save", rootDir)
	if err != nil {
		return nil, fmt.Errorf("vcluster: prepare: %w", err)
	}
	return &Image{opts: c.opts, files: files, nodeNames: c.nodeNames}, nil
}

// Start starts a cluster from the image.
func (i *Image) Start(ctx context.Context) (*Cluster, error) {
	return i.start(ctx, func(c *Cluster) error {
		if err := c.startNodes(ctx); err != nil {
			return err
		}
		// luxid and wconfd ask the node daemons who the master is.
		for _, daemon := range []string{Wconfd, Luxid, Confd, Rapi} {
			if err := c.StartDaemon(ctx, masterName, daemon); err != nil {
				return err
			}
		}
		return nil
	})
}

// StartNodes is Start without the daemons of the master: only node daemons run.
func (i *Image) StartNodes(ctx context.Context) (*Cluster, error) {
	return i.start(ctx, func(c *Cluster) error { return c.startNodes(ctx) })
}

func (i *Image) start(ctx context.Context, daemons func(*Cluster) error) (*Cluster, error) {
	began := time.Now()
	ns, err := newNamespace(i.opts)
	if err != nil {
		return nil, err
	}
	c := &Cluster{opts: i.opts, ns: ns, master: masterName, nodeNames: i.nodeNames}
	if _, err = c.run(ctx, "", strings.NewReader(i.files), "bash", "-c", restoreScript); err == nil {
		err = daemons(c)
	}
	if err != nil {
		err = fmt.Errorf("vcluster: start from an image: %w", err)
		if closeErr := c.Close(); closeErr != nil {
			err = fmt.Errorf("%w; %v", err, closeErr)
		}
		return nil, err
	}
	c.logf("started from an image (%v)", time.Since(began).Round(time.Millisecond))
	return c, nil
}

// startNodes starts the node daemons.
func (c *Cluster) startNodes(ctx context.Context) error {
	return c.inParallel(c.Nodes(), func(node string) error { return c.StartDaemon(ctx, node, Noded) })
}

// inParallel does something for each of several nodes at once and returns the first
// error.
func (c *Cluster) inParallel(nodes []string, do func(node string) error) error {
	errs := make(chan error, len(nodes))
	for _, node := range nodes {
		go func(node string) { errs <- do(node) }(node)
	}
	var first error
	for range nodes {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}
