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
	Storage    int    // MiB of the volume group VolumeGroup
	// FileStorage is that of its file system in MiB, as much as Storage if zero.
	FileStorage int
	// VolumeGroups are further volume groups with their sizes in MiB. WithoutGroup
	// takes VolumeGroup away.
	VolumeGroups map[string]int
	WithoutGroup bool
	// Physical is the number of physical volumes of VolumeGroup, 1 if zero.
	Physical int
	CPUs     int // 64 if zero
	// Systems are its operating systems, those of DefaultSystems if nil.
	Systems []string
	// Offline says that the master has marked the node offline.
	Offline bool
}

// DefaultSystems are the operating systems that a node has unless something else was
// said.
var DefaultSystems = []string{"noop", FailingOS}

// node is a machine. Its fields are guarded by the fleet's mutex.
type node struct {
	fleet *Fleet
	spec  NodeSpec

	powered  bool
	claimed  bool         // the power that the out-of-band program was asked for last
	plugged  bool         // its network cable is in
	daemon   bool         // its node daemon has not been stopped
	boots    int          // how often it was switched on
	listener net.Listener // nil while it does not answer
	server   *http.Server

	running map[string]*running     // by instance
	groups  map[string]*volumeGroup // by name
	volumes map[string]*volume      // local ones, by key
	drbd    map[string]*drbd        // by key of the data volume
	systems []string                // its operating systems
	master  string                  // whom it takes for the master node
}

// Add makes a node and switches it on.
func (f *Fleet) Add(spec NodeSpec) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &node{
		fleet: f, spec: spec, master: f.opts.Master, systems: DefaultSystems,
		powered: true, claimed: true, plugged: true, daemon: true, boots: 1,
		running: make(map[string]*running), volumes: make(map[string]*volume), drbd: make(map[string]*drbd),
		groups: make(map[string]*volumeGroup),
	}
	if !spec.WithoutGroup {
		n.groups[VolumeGroup] = &volumeGroup{size: spec.Storage, physical: spec.Physical}
	}
	for name, size := range spec.VolumeGroups {
		n.groups[name] = &volumeGroup{size: size}
	}
	if spec.Systems != nil {
		n.systems = spec.Systems
	}
	if err := n.answer(); err != nil {
		return err
	}
	f.nodes[spec.Name] = n
	f.uuids[spec.UUID] = n
	if spec.Offline {
		f.offline[spec.Name] = true
	}
	return nil
}

// answer lets the node daemon answer if the node is powered and plugged and its
// daemon was not stopped, and else not.
func (n *node) answer() error {
	switch up := n.powered && n.plugged && n.daemon; {
	case up && n.listener == nil:
		return n.listen()
	case !up:
		n.hangUp()
	}
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

// SetMemory changes how much memory a node has, in MiB.
func (f *Fleet) SetMemory(name string, mib int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).spec.Memory = mib
}

// SetSystems says which operating systems are installed on a node.
func (f *Fleet) SetSystems(name string, systems ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustNode(name).systems = systems
}

func (n *node) freeMemory() int {
	free := n.spec.Memory
	for _, r := range n.running {
		free -= r.memory
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
	for _, n := range f.sorted() {
		power := "on"
		switch {
		case !n.powered:
			power = "off"
		case !n.plugged:
			power = "unplugged"
		case !n.daemon:
			power = "no daemon"
		}
		free := 0
		if g := n.groups[VolumeGroup]; g != nil {
			free = n.freeGroup(VolumeGroup)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d MiB\t%d MiB\t%d\n", n.spec.Name, n.spec.Address, power, n.freeMemory(), free, len(n.running))
	}
	tw.Flush()
	return b.String()
}
