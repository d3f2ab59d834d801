package vcluster

import (
	"context"
	_ "embed" // for setup.sh
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

const (
	clusterName = "cluster"
	masterName  = "node1"
	rootDir     = "/srv/vc"  // the nodes' root directories are here
	tempDir     = "/srv/tmp" // $TMPDIR inside
	setupFile   = "/srv/etc/setup.sh"
)

//go:embed setup.sh
var setupScript string

// errClosed is the error of everything after Close.
var errClosed = errors.New("vcluster: cluster is closed")

// Cluster is a running cluster. Its methods may be called concurrently, save
// that Close disturbs all others.
type Cluster struct {
	opts Options
	ns   *namespace

	nodeNames map[string]string // by UUID; constant after Start

	mu     sync.Mutex // guards closed and master
	closed bool
	master string
	active sync.WaitGroup // commands of Run
}

// Start makes a cluster: its namespaces, an initialized master and all other
// nodes, and the operating systems. After an error nothing of it remains. The
// context bounds the start only, not the life of the cluster.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	ns, err := newNamespace(o)
	if err != nil {
		return nil, err
	}
	c := &Cluster{opts: o, ns: ns, master: masterName}
	if err := c.start(ctx); err != nil {
		err = fmt.Errorf("vcluster: start: %w", err)
		if closeErr := c.Close(); closeErr != nil {
			err = fmt.Errorf("%w; %v", err, closeErr)
		}
		return nil, err
	}
	c.logf("started (%v)", time.Since(began).Round(time.Millisecond))
	return c, nil
}

// start does all of Start that is done inside.
func (c *Cluster) start(ctx context.Context) error {
	if err := c.WriteFile(setupFile, []byte(setupScript), 0o644); err != nil {
		return err
	}
	if _, err := c.Run(ctx, "", append([]string{"bash", setupFile, rootDir}, c.Nodes()...)...); err != nil {
		return fmt.Errorf("set up nodes: %w", err)
	}
	if err := c.installSystems(); err != nil {
		return err
	}
	if c.opts.BeforeInit != nil {
		if err := c.opts.BeforeInit(ctx, c); err != nil {
			return fmt.Errorf("before init: %w", err)
		}
	}
	args := append([]string{
		"gnt-cluster", "init", "--no-etc-hosts", "--no-ssh-init", "--master-netdev=lo",
		"--enabled-disk-templates=" + strings.Join(c.opts.Templates, ","),
		"--enabled-hypervisors=fake",
		"--nic-parameters=mode=routed", // no bridge is needed
		fmt.Sprintf("--candidate-pool-size=%d", c.opts.CandidatePool),
		// No instance may be too small.
		"--ipolicy-bounds-specs=min:disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0" +
			"/max:disk-size=1048576,cpu-count=8,disk-count=16,memory-size=32768,nic-count=8,spindle-use=12",
	}, c.opts.InitArgs...)
	if _, err := c.Run(ctx, masterName, append(args, clusterName)...); err != nil {
		return fmt.Errorf("initialize cluster: %w", err)
	}
	if err := c.addNodes(ctx); err != nil {
		return err
	}
	// The end of what setup.sh did for the start.
	if _, err := c.Run(ctx, "", "bash", "-c", "umount $(readlink -e /usr/lib/ganeti/ensure-dirs) /usr/share/ganeti/[0-9]*/ganeti/bootstrap.py"); err != nil {
		return err
	}
	return c.learnNodes(ctx)
}

// Close ends the cluster; when it returns, nothing of it remains. Commands that
// are running fail. Close may be called repeatedly.
func (c *Cluster) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.ns.close()
	c.active.Wait()
	return err
}

// enter says that something begins that Close has to wait for, unless it is too
// late for that.
func (c *Cluster) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.active.Add(1)
	return true
}

func (c *Cluster) leave() { c.active.Done() }

func (c *Cluster) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// logf writes a line to the log, if there is one.
func (c *Cluster) logf(format string, args ...interface{}) {
	if c.opts.Log != nil {
		fmt.Fprintf(c.opts.Log, "vcluster: "+format+"\n", args...)
	}
}

// Pid returns the process id, outside, of the first process of the cluster's
// namespaces.
func (c *Cluster) Pid() int { return c.ns.pid }

// Nodes returns the names of all nodes, the master first.
func (c *Cluster) Nodes() []string { return nodeNames(c.opts.Nodes) }

// Master returns the name of the master node: the first, or that of SetMaster.
func (c *Cluster) Master() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.master
}

// SetMaster says that another node has become master, as by gnt-cluster
// master-failover: Socket, Call and what is built on it go there from now on.
func (c *Cluster) SetMaster(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.master = node
}

// Root returns the root directory of the node, as seen inside.
func (c *Cluster) Root(node string) string { return path.Join(rootDir, node) }

// HostPath returns the path by which the outside reaches an absolute path of
// the inside. Symbolic links to absolute paths on the way would lead to the
// host's own files: there are none below Root.
func (c *Cluster) HostPath(inside string) string { return c.ns.root() + path.Clean("/"+inside) }

// SocketInside returns the path of the master's LUXI socket as seen inside.
func (c *Cluster) SocketInside() string {
	return c.Root(c.Master()) + "/var/run/ganeti/socket/ganeti-query"
}

// Socket returns the path of the master's LUXI socket as seen from outside. It
// is short enough for a socket address.
func (c *Cluster) Socket() string { return c.HostPath(c.SocketInside()) }

// Available returns nil if clusters can be started on this machine by this
// process, or else what is missing.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("vcluster: root is needed")
	}
	for _, p := range []string{"/usr/sbin/gnt-cluster", "/usr/lib/ganeti/daemon-util", "/usr/sbin/sshd"} {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("vcluster: Debian's ganeti, openssh-server and iproute2 are needed: %w", err)
		}
	}
	return nil
}
