package nodesim

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
)

// NodeSpec describes a node.
type NodeSpec struct {
	Name, UUID string
	Address    string // IP address on which it listens
	Memory     int    // MiB
	Storage    int    // MiB of its volume group
	// FileStorage is that of its file system in MiB, as much as Storage if zero.
	FileStorage int
}

// node is a machine. Its fields are guarded by the fleet's mutex.
type node struct {
	fleet    *Fleet
	spec     NodeSpec
	listener net.Listener // nil while it is off
	server   *http.Server
	running  map[string]running // by instance
	volumes  map[string]*volume // local ones, by key
	drbd     map[string]*drbd   // by key of the data volume
	master   string             // whom it takes for the master node
}

// running is an instance that runs.
type running struct {
	hypervisor    string
	memory, vcpus int
}

// Add makes a node and switches it on.
func (f *Fleet) Add(spec NodeSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &node{
		fleet: f, spec: spec, master: f.opts.Master,
		running: make(map[string]running), volumes: make(map[string]*volume), drbd: make(map[string]*drbd),
	}
	if err := n.listen(); err != nil {
		return err
	}
	f.nodes[spec.Name] = n
	f.uuids[spec.UUID] = n
	return nil
}

func (n *node) listen() error {
	l, err := n.fleet.opts.Listen(net.JoinHostPort(n.spec.Address, strconv.Itoa(Port)))
	if err != nil {
		return fmt.Errorf("nodesim: %s: %w", n.spec.Name, err)
	}
	n.listener, n.server = l, newServer(n)
	go func(s *http.Server) {
		// Its error is that the server was closed.
		_ = s.ServeTLS(l, "", "")
	}(n.server)
	return nil
}

// hangUp refuses connections and ends those there are.
func (n *node) hangUp() {
	if n.listener != nil {
		n.server.Close()
		n.listener = nil
	}
}

func (f *Fleet) mustNode(name string) *node {
	n := f.nodes[name]
	if n == nil {
		panic("nodesim: there is no node " + name)
	}
	return n
}

// PowerOff is a loss of power: the node answers nothing and all that ran there
// ends. Its volumes stay.
func (f *Fleet) PowerOff(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	n.hangUp()
	n.running = make(map[string]running)
	n.drbd = make(map[string]*drbd)
	// What runs elsewhere and had its mirror here goes on writing.
	for other, m := range f.nodes {
		if other != name {
			m.writeAll()
		}
	}
}

// PowerOn lets a node answer again, with the volumes it had.
func (f *Fleet) PowerOn(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.mustNode(name)
	if n.listener != nil {
		return nil
	}
	return n.listen()
}

// Unplug makes a node unreachable to the master while all on it runs on.
func (f *Fleet) Unplug(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).hangUp()
}

// Replace lets a node answer again as a new machine: without any volume.
func (f *Fleet) Replace(name string) error {
	f.PowerOff(name)
	f.mu.Lock()
	f.mustNode(name).volumes = make(map[string]*volume)
	f.mu.Unlock()
	return f.PowerOn(name)
}

// SetMemory changes how much memory a node has, in MiB.
func (f *Fleet) SetMemory(name string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).spec.Memory = mib
}

// SetStorage changes how much room a node's volume group has, in MiB.
func (f *Fleet) SetStorage(name string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).spec.Storage = mib
}

// SetFileStorage changes how much room a node's file system has, in MiB; 0 stands
// for as much as its volume group.
func (f *Fleet) SetFileStorage(name string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).spec.FileStorage = mib
}

// CrashInstance ends an instance wherever it runs.
func (f *Fleet) CrashInstance(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		delete(n.running, instance)
	}
}

func (n *node) freeMemory() int {
	free := n.spec.Memory
	for _, r := range n.running {
		free -= r.memory
	}
	return free
}

// storage is how much room there is for disks of a kind, in MiB.
func (n *node) storage(kind string) int {
	if kind == "file" && n.spec.FileStorage > 0 {
		return n.spec.FileStorage
	}
	return n.spec.Storage
}

func (n *node) freeStorage(kind string) int {
	free := n.storage(kind)
	for key, v := range n.volumes {
		if storageKind(key) == kind {
			free -= v.size
		}
	}
	return free
}

// String is a table of the nodes and what runs there.
func (f *Fleet) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "Node\tAddress\tPower\tMemory free\tDisk free\tRunning")
	for _, name := range f.nodeNames() {
		n := f.nodes[name]
		power := "on"
		if n.listener == nil {
			power = "off"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d MiB\t%d MiB\t%d\n", name, n.spec.Address, power, n.freeMemory(), n.freeStorage("lvm-vg"), len(n.running))
	}
	tw.Flush()
	return b.String()
}
