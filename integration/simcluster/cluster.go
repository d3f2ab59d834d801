package simcluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi/luxitest"
)

// Cluster is a real master with simulated nodes. Its methods may not be called
// concurrently, those of its parts may.
type Cluster struct {
	*vcluster.Cluster
	// Sim are the simulated nodes. Load replaces them.
	Sim *nodesim.Fleet
	// Version is the version of Ganeti, such as 3010000 for all of 3.1.
	Version int

	base  []byte       // config.data as gnt-cluster init left it
	certs []byte       // server.pem
	hosts []byte       // /etc/hosts without simulated nodes
	oob   net.Listener // of Sim; nil before Load
	desc  *luxitest.Cluster
}

// Start makes a cluster without simulated nodes; Load adds them. Of the options
// Nodes counts the real ones: the master and what may become master, none of
// which can hold instances. They are called node1, node2, ...
func Start(ctx context.Context, o vcluster.Options) (*Cluster, error) {
	v, err := vcluster.Start(ctx, realNodes(o))
	if err != nil {
		return nil, fmt.Errorf("simcluster: %w", err)
	}
	return newCluster(ctx, v)
}

// realNodes returns the options with one real node, if they do not say how many.
func realNodes(o vcluster.Options) vcluster.Options {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	return o
}

// newCluster takes over a cluster of real nodes, which it closes after an error.
func newCluster(ctx context.Context, v *vcluster.Cluster) (*Cluster, error) {
	c := &Cluster{Cluster: v}
	if err := c.prepare(ctx); err != nil {
		v.Close()
		return nil, fmt.Errorf("simcluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) prepare(ctx context.Context) error {
	dir := c.Root(c.Master()) + "/var/lib/ganeti"
	var err error
	if c.base, err = c.ReadFile(dir + "/config.data"); err != nil {
		return err
	}
	if c.Version, err = versionOf(c.base); err != nil {
		return err
	}
	if c.certs, err = c.ReadFile(dir + "/server.pem"); err != nil {
		return err
	}
	if c.hosts, err = c.ReadFile(hostsFile); err != nil {
		return err
	}
	// From now on all addresses of this network are local, so that each simulated node
	// can listen on its own.
	if _, err = c.Run(ctx, "", "ip", "route", "add", "local", network, "dev", "lo"); err != nil {
		return err
	}
	if err := c.WriteFile(OOBProgram, []byte(oobScript), 0o755); err != nil {
		return err
	}
	return c.makeStandIn(ctx)
}

// network is the network of the simulated nodes. address returns the address of the
// n-th node, counted from 0.
const network = "198.18.0.0/16"

func address(n int) string { return fmt.Sprintf("198.18.%d.%d", n/250, n%250+1) }

// Close ends the cluster and its nodes.
func (c *Cluster) Close() error {
	c.endFleet()
	return c.Cluster.Close()
}

// endFleet ends the simulated nodes.
func (c *Cluster) endFleet() {
	if c.oob != nil {
		c.oob.Close()
		c.oob = nil
	}
	if c.Sim != nil {
		c.Sim.Close()
	}
}

// RealNodes returns the lines of a description for the real nodes. They belong behind
// the simulated nodes and put the real ones into a group that allocators do not use.
func (c *Cluster) RealNodes() string {
	var b strings.Builder
	b.WriteString("group masters policy=unallocable\n")
	for n, name := range c.Cluster.Nodes() {
		master := ""
		if n == 0 {
			master = " master"
		}
		fmt.Fprintf(&b, "node %s group=masters not-vm-capable mem=0 disk=0%s\n", name, master)
	}
	return b.String()
}

// Load replaces the cluster by the described one. It kills and forgets all jobs, and
// removes all tags, the watcher's hooks and the watcher's files. The text is in the
// form of luxitest.Parse. Load adds RealNodes if the text does not name the master,
// and "group default" if it has no group.
func (c *Cluster) Load(ctx context.Context, text string) error {
	desc, err := c.describe(text)
	if err != nil {
		return fmt.Errorf("simcluster: %w", err)
	}
	if err := c.load(ctx, desc); err != nil {
		return fmt.Errorf("simcluster: load: %w", err)
	}
	return nil
}

// describe parses a description and adds the groups, nodes and cluster that it leaves
// out.
func (c *Cluster) describe(text string) (*luxitest.Cluster, error) {
	if !strings.Contains("\n"+text, "\ngroup ") {
		text = "group default\n" + text
	}
	if !strings.Contains(text, "node "+c.Master()+" ") {
		text += "\n" + c.RealNodes()
	}
	if !strings.Contains("\n"+text, "\ncluster ") {
		text = "cluster cluster\n" + text
	}
	return luxitest.Parse(text)
}

func (c *Cluster) load(ctx context.Context, desc *luxitest.Cluster) error {
	if err := c.endMaster(ctx); err != nil {
		return err
	}
	c.endFleet()
	release, err := c.ReadFile(c.Root(c.Master()) + "/var/lib/ganeti/ssconf_release_version")
	if err != nil {
		return err
	}
	fleet, err := nodesim.New(nodesim.Options{
		Version:     c.Version,
		Release:     strings.TrimSpace(string(release)),
		Certificate: c.certs,
		Master:      c.Master(),
		Listen:      func(a string) (net.Listener, error) { return c.Listen("tcp", a) },
		ReadFile:    c.readVirtual,
	})
	if err != nil {
		return err
	}
	c.Sim, c.desc = fleet, desc
	if c.oob, err = c.Listen("tcp", oobAddress); err != nil {
		return err
	}
	go serveOOB(c.oob, fleet)
	made, err := generate(c.base, c.Cluster.Nodes(), desc)
	if err != nil {
		return err
	}
	for _, n := range made.nodes {
		if err := fleet.Add(n); err != nil {
			return err
		}
	}
	if err := c.nameNodes(made.nodes); err != nil {
		return err
	}
	for _, pair := range desc.Cuts {
		fleet.Cut(pair[0], pair[1])
	}
	for _, p := range made.placements {
		fleet.Place(p)
	}
	for _, n := range desc.Nodes {
		if n.OOB != luxitest.OOBNone {
			fleet.SetOOB(n.Name, nodesim.OOB(n.OOB))
		}
		if n.Dead {
			fleet.PowerOff(n.Name)
		}
	}
	if err := c.writeState(made); err != nil {
		return err
	}
	// At their start the daemons ask all nodes who the master is. With many nodes, or on a
	// busy machine, the answers come too late, and with half of the nodes dead there is no
	// majority.
	var args []string
	if len(c.Cluster.Nodes()) == 1 {
		args = []string{"--no-voting", "--yes-do-it"}
	}
	for _, daemon := range []string{vcluster.Wconfd, vcluster.Luxid} {
		if err := c.StartDaemon(ctx, c.Master(), daemon, args...); err != nil {
			return err
		}
	}
	return nil
}

// readVirtual reads a file of the master by the name that Ganeti gives it in calls to
// nodes of virtual clusters (lib/vcluster.py).
func (c *Cluster) readVirtual(name string) ([]byte, error) {
	const prefix = "/###-VIRTUAL-PATH-###,"
	name = strings.TrimPrefix(name, prefix)
	if strings.HasSuffix(name, "/config.data") {
		return nil, os.ErrNotExist // master candidates alone have it
	}
	return os.ReadFile(c.HostPath(c.Root(c.Master()) + name))
}

// endMaster kills luxid, wconfd and the processes of jobs, which outlive luxid.
func (c *Cluster) endMaster(ctx context.Context) error {
	for _, daemon := range []string{vcluster.Luxid, vcluster.Wconfd} {
		if err := c.KillDaemon(ctx, c.Master(), daemon); err != nil {
			return err
		}
	}
	// The brackets keep pkill from finding the shell. Its status is 1 if there was none.
	_, err := c.Run(ctx, "", "sh", "-c", "pkill -KILL -f '[g]aneti/jqueue/exec.py' || [ $? = 1 ]")
	return err
}

// versionOf returns the version of a configuration, which is also what Ganeti's nodes
// answer to "version".
func versionOf(config []byte) (int, error) {
	var c struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(config, &c); err != nil || c.Version == 0 {
		return 0, fmt.Errorf("config.data has no version: %v", err)
	}
	return c.Version, nil
}

// writeState replaces the files in which the real nodes keep the state of the cluster.
func (c *Cluster) writeState(made *generated) error {
	config, err := json.Marshal(made.config)
	if err != nil {
		return err
	}
	for _, node := range c.Cluster.Nodes() {
		dir := c.Root(node) + "/var/lib/ganeti"
		if err := c.overwrite(dir+"/config.data", config); err != nil {
			return err
		}
		for name, text := range made.ssconf {
			if err := c.overwrite(dir+"/ssconf_"+name, []byte(text)); err != nil {
				return err
			}
		}
		for _, name := range []string{"locks.data", "tempres.data", "watcher.pause", "queue/drain"} {
			if err := c.RemoveFile(dir + "/" + name); err != nil {
				return err
			}
		}
		if err := c.ForgetJobs(node); err != nil {
			return err
		}
		if err := c.ForgetWatcher(node); err != nil {
			return err
		}
	}
	return nil
}

// overwrite replaces the content of a file and leaves its owner and mode.
func (c *Cluster) overwrite(inside string, data []byte) error {
	return os.WriteFile(c.HostPath(inside), data, 0o644)
}
