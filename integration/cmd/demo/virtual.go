package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ganeti-autorepair/integration/vcluster"
)

// virtual is a real Ganeti cluster of virtual nodes on this machine. Its
// watcher runs the program.
type virtual struct {
	cluster *vcluster.Cluster
	program string // as seen inside, which is the same path
	memory  int    // MiB free on an empty node
}

// virtualGroups are as small as the story permits: to add a node takes seconds.
var virtualGroups = []group{
	{"default", []string{"node1", "node2", "node3", "node4"}},
	{"rack2", []string{"node5", "node6"}},
}

// installedProgram is the path that the hook script in the package names.
const installedProgram = "/usr/sbin/ganeti-autorepair"

// newVirtual starts a real cluster without instances, with the hook installed
// on its master.
func newVirtual(ctx context.Context, program, hook string) (*virtual, error) {
	if err := vcluster.Available(); err != nil {
		return nil, err
	}
	if !strings.Contains(hook, installedProgram) {
		return nil, fmt.Errorf("the hook script does not name %s", installedProgram)
	}
	groups := make(map[string]string)
	nodes := 0
	for _, g := range virtualGroups {
		for _, n := range g.nodes {
			groups[n] = g.name
			nodes++
		}
	}
	c, err := vcluster.Start(ctx, vcluster.Options{
		Nodes: nodes, Groups: groups,
		InitArgs: []string{
			// Instances that fill a node, however much memory this machine has.
			"--ipolicy-bounds-specs=min:disk-size=0,cpu-count=1,disk-count=0,memory-size=1,nic-count=0,spindle-use=0" +
				"/max:disk-size=1048576,cpu-count=8,disk-count=16,memory-size=16777216,nic-count=8,spindle-use=12",
		},
	})
	if err != nil {
		return nil, err
	}
	v := &virtual{cluster: c, program: program}
	if err := v.install(ctx, hook); err != nil {
		c.Close()
		return nil, err
	}
	return v, nil
}

// install does what the package does on the master: the settings and the hook.
func (v *virtual) install(ctx context.Context, hook string) error {
	master := v.cluster.Master()
	root := v.cluster.Root(master)
	if err := v.cluster.WriteFile(root+"/etc/ganeti/autorepair.toml", []byte(settings), 0o644); err != nil {
		return err
	}
	hook = strings.ReplaceAll(hook, installedProgram, v.program)
	if err := v.cluster.InstallHook(ctx, master, "ganeti-autorepair", []byte(hook)); err != nil {
		return err
	}
	return v.cluster.NodeField(ctx, master, "mfree", &v.memory)
}

func (v *virtual) Name() string { return "a virtual cluster of the real Ganeti" }

func (v *virtual) About() []string {
	return []string{
		"All of Ganeti's daemons run on each node; only the hypervisor is fake.",
		"Every pass is started by ganeti-watcher, through its hook directory.",
	}
}

func (v *virtual) Socket() string  { return v.cluster.Socket() }
func (v *virtual) Groups() []group { return virtualGroups }

func (v *virtual) Templates() []string {
	return []string{vcluster.File, vcluster.SharedFile, vcluster.Diskless}
}

func (v *virtual) Build(ctx context.Context, list []instance) error {
	var specs []vcluster.InstanceSpec
	for _, i := range list {
		specs = append(specs, vcluster.InstanceSpec{
			Name: i.name, Template: i.template, Node: i.nodes[0], Memory: i.memory.of(v.memory), Tags: i.tags,
		})
	}
	return v.cluster.AddInstances(ctx, specs...)
}

func (v *virtual) Admin(ctx context.Context, args ...string) error {
	_, err := v.cluster.Run(ctx, v.cluster.Master(), args...)
	return err
}

// PowerOff deletes the disks of instances with template file that are lost: the
// virtual nodes share one directory for them, so the next node would find them.
func (v *virtual) PowerOff(ctx context.Context, node string, lost ...string) error {
	if err := v.cluster.PowerOff(ctx, node); err != nil {
		return err
	}
	for _, name := range lost {
		if err := v.cluster.RemoveFile(v.cluster.Root(v.cluster.Master()) + "/srv/ganeti/file-storage/" + name); err != nil {
			return err
		}
	}
	return nil
}

func (v *virtual) PowerOn(ctx context.Context, node string) error {
	return v.cluster.NodeAlive(ctx, node)
}

func (v *virtual) PassCommand() string { return "ganeti-watcher" }

func (v *virtual) Pass(ctx context.Context) error {
	master := v.cluster.Master()
	if _, err := v.cluster.Watcher(ctx, master); err != nil {
		return err
	}
	// The watcher itself only logs what its hooks say when they fail.
	text, err := v.cluster.ReadFile(v.cluster.WatcherLog(master))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if strings.Contains(line, "ganeti-autorepair") && !strings.Contains(line, " INFO ") {
			return errors.New("the watcher logged: " + line)
		}
	}
	return nil
}

func (v *virtual) Program(ctx context.Context, args ...string) (string, error) {
	return v.cluster.Run(ctx, v.cluster.Master(), append([]string{"env", fmt.Sprintf("COLUMNS=%d", columns-2), v.program}, args...)...)
}

func (v *virtual) Log() ([]byte, error) {
	data, err := v.cluster.ReadFile(v.cluster.Root(v.cluster.Master()) + logFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (v *virtual) Replaced() ([]string, error) {
	calls, err := v.cluster.OSCalls()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, call := range calls {
		if call.Reinstall && !contains(names, call.Instance) {
			names = append(names, call.Instance)
		}
	}
	return names, nil
}

func (v *virtual) Close() error { return v.cluster.Close() }
