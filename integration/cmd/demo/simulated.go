package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/luxi/luxitest"
)

// nodeMemory is what a simulated node has, in MiB.
const nodeMemory = 16384

// opcodeDurations keep the story short.
var opcodeDurations = map[string]time.Duration{
	"TAGS_SET":                30 * time.Millisecond,
	"TAGS_DEL":                30 * time.Millisecond,
	"NODE_SET_PARAMS":         50 * time.Millisecond,
	"INSTANCE_FAILOVER":       300 * time.Millisecond,
	"INSTANCE_MIGRATE":        300 * time.Millisecond,
	"INSTANCE_REPLACE_DISKS":  400 * time.Millisecond,
	"INSTANCE_RECREATE_DISKS": 200 * time.Millisecond,
	"INSTANCE_SHUTDOWN":       50 * time.Millisecond,
	"INSTANCE_REINSTALL":      200 * time.Millisecond,
	"INSTANCE_STARTUP":        50 * time.Millisecond,
	"INSTANCE_REMOVE":         50 * time.Millisecond,
}

// simulated is a simulated master in this process. The program is real, and
// talks to it over a real socket.
type simulated struct {
	dir     string // all files are below it
	program string
	master  *luxitest.Master
	client  *luxi.Client
}

// simulatedGroups have so many nodes that one of them may be offline and
// another one drained while auto-repair goes on.
var simulatedGroups = []group{
	{"default", []string{"node1", "node2", "node3", "node4"}},
	{"rack2", []string{"node5", "node6", "node7", "node8"}},
}

// newSimulated starts a simulated master without instances.
func newSimulated(program string) (*simulated, error) {
	dir, err := os.MkdirTemp("", "autorepair-demo")
	if err != nil {
		return nil, fmt.Errorf("simulated cluster: %w", err)
	}
	s := &simulated{dir: dir, program: program}
	if err := s.start(); err != nil {
		s.Close()
		return nil, fmt.Errorf("simulated cluster: %w", err)
	}
	return s, nil
}

func (s *simulated) start() error {
	state := &luxitest.Cluster{Name: "cluster", DefaultIAllocator: "hail"}
	for _, g := range simulatedGroups {
		state.Groups = append(state.Groups, &luxitest.Group{Name: g.name})
		for _, name := range g.nodes {
			state.Nodes = append(state.Nodes, &luxitest.Node{
				Name: name, Group: g.name, Memory: nodeMemory, Storage: 1 << 20,
			})
		}
	}
	for _, dir := range []string{"etc/ganeti", "var/lock", "var/log"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "etc/ganeti/autorepair.toml"), []byte(settings), 0o644); err != nil {
		return err
	}
	var err error
	s.master, err = luxitest.New(state, luxitest.Options{Durations: opcodeDurations, ProcessStart: 30 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := s.master.Start(s.Socket()); err != nil {
		return err
	}
	s.client = luxi.New(s.Socket(), luxi.Options{})
	return nil
}

func (s *simulated) Name() string { return "a simulated Ganeti master" }

func (s *simulated) About() []string {
	return []string{
		"The master is simulated, and its opcodes take tenths of seconds.",
		"The program is the real one, and reaches the master over a LUXI socket.",
	}
}

func (s *simulated) Socket() string  { return filepath.Join(s.dir, "luxi") }
func (s *simulated) Groups() []group { return simulatedGroups }

func (s *simulated) Templates() []string {
	return []string{luxitest.DRBD, luxitest.Plain, luxitest.File, luxitest.SharedFile, luxitest.RBD, luxitest.Diskless}
}

func (s *simulated) Build(_ context.Context, list []instance) error {
	s.master.Edit(func(c *luxitest.Cluster) {
		for _, i := range list {
			c.Instances = append(c.Instances, &luxitest.Instance{
				Name: i.name, Template: i.template, Primary: i.nodes[0], Secondaries: i.nodes[1:],
				AdminState: luxitest.AdminUp, RunsOn: i.nodes[:1], OS: "debian",
				Memory: i.memory.of(nodeMemory), DiskSize: 1024, Tags: i.tags,
			})
		}
	})
	return nil
}

func (s *simulated) Admin(ctx context.Context, args ...string) error {
	op, err := opcodeOf(args)
	if err != nil {
		return err
	}
	id, err := s.client.SubmitJob(ctx, []luxi.OpCode{op})
	if err != nil {
		return fmt.Errorf("%s: %w", commandLine(args), err)
	}
	status, err := s.client.WaitForJob(ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", commandLine(args), err)
	}
	if status != luxi.JobSuccess {
		return fmt.Errorf("%s: job %d: %s", commandLine(args), id, status)
	}
	return nil
}

// PowerOff needs not be told what is lost: the simulator knows which disks are
// on which node.
func (s *simulated) PowerOff(_ context.Context, node string, _ ...string) error {
	s.master.Edit(func(c *luxitest.Cluster) { c.Node(node).Dead = true })
	return nil
}

func (s *simulated) PowerOn(_ context.Context, node string) error {
	s.master.Edit(func(c *luxitest.Cluster) { c.Node(node).Dead = false })
	return nil
}

func (s *simulated) PassCommand() string { return "ganeti-autorepair run" }

func (s *simulated) Pass(ctx context.Context) error {
	_, err := s.Program(ctx, "run")
	return err
}

func (s *simulated) Program(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.program, append([]string{"-L", s.Socket()}, args...)...)
	cmd.Env = append(os.Environ(), "GANETI_ROOTDIR="+s.dir, "GANETI_HOSTNAME="+simulatedGroups[0].nodes[0], fmt.Sprintf("COLUMNS=%d", columns-2))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("ganeti-autorepair %s: %w: %s", commandLine(args), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

func (s *simulated) Log() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, logFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (s *simulated) Replaced() ([]string, error) {
	var names []string
	for _, i := range s.master.Snapshot().Instances {
		if i.Data.Generation > 1 {
			names = append(names, i.Name)
		}
	}
	return names, nil
}

func (s *simulated) Close() error {
	var first error
	if s.client != nil {
		first = s.client.Close()
	}
	if s.master != nil {
		if err := s.master.Close(); err != nil && first == nil {
			first = err
		}
	}
	if err := os.RemoveAll(s.dir); err != nil && first == nil {
		first = err
	}
	return first
}
