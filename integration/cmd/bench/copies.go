package main

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
)

// Instances of the case: copies are under way, and then a node with others dies.
const (
	copiedInstances = 15
	lostInstances   = 20
)

// copiesCluster has 15 drbd instances whose secondary node is dead, and 20 instances on
// rbd whose node, n1, lives yet.
func copiesCluster() (text string, copied, lost []string) {
	var t strings.Builder
	t.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\ngroup default\nnode n0 mem=65536 disk=1048576 offline dead\n")
	for n := 1; n < 12; n++ {
		fmt.Fprintf(&t, "node n%d mem=65536 disk=1048576\n", n)
	}
	for k := 0; k < copiedInstances; k++ {
		copied = append(copied, fmt.Sprintf("d%d", k))
		fmt.Fprintf(&t, "instance d%d nodes=n%d,n0 template=drbd\n", k, k%10+2)
	}
	for k := 0; k < lostInstances; k++ {
		lost = append(lost, fmt.Sprintf("i%d", k))
		fmt.Fprintf(&t, "instance i%d nodes=n1 template=rbd\n", k)
	}
	return t.String(), copied, lost
}

// copies measures how long it takes to fail over 20 instances of a node that dies while
// 15 replace-disks copy, which take longer than that (P20, V7). The floor is without
// these: bare failovers by an allocator want the locks of nodes that the copies have, and
// wait until the last copy is made.
func (b *bench) copies(name string) error {
	text, copied, lost := copiesCluster()
	for _, who := range []string{"bare jobs, nothing copied", "ganeti-autorepair"} {
		if err := b.c.Load(b.ctx, text); err != nil {
			return err
		}
		if err := b.settings(fmt.Sprintf("pass_timeout = \"10m\"\nmax_copying = %d\n", copiedInstances)); err != nil {
			return err
		}
		if who != "bare jobs, nothing copied" {
			for _, name := range copied {
				b.c.Sim.StickSync(name, true)
			}
			if _, _, err := b.command(b.c.Master(), b.program, "run"); err != nil {
				return err
			}
			if err := b.waitRunning(luxi.OpInstanceReplaceDisks, copiedInstances); err != nil {
				return err
			}
		}
		b.c.Sim.PowerOff("n1")
		if err := b.c.Offline(b.ctx, "n1"); err != nil {
			return err
		}
		began := time.Now()
		if err := b.failOver(who, lost); err != nil {
			return err
		}
		first, last, err := b.failovers(began, lost)
		if err != nil {
			return err
		}
		copying, err := b.count(luxi.OpInstanceReplaceDisks)
		if err != nil {
			return err
		}
		b.add(Row{Case: name, Who: who, Wall: []float64{last.Seconds()},
			Note: fmt.Sprintf("first failover runs after %.1f s; %d copies still run", first.Seconds(), copying)})
	}
	return nil
}

// failOver begins the failovers, of bare jobs with the allocator that a pass uses.
func (b *bench) failOver(who string, lost []string) error {
	if who == "ganeti-autorepair" {
		return b.repair(who, lost)
	}
	var jobs [][]vcluster.Opcode
	for _, name := range lost {
		jobs = append(jobs, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": name, "iallocator": "hail"}})
	}
	_, err := b.c.Submit(b.ctx, jobs...)
	return err
}

// waitRunning waits until so many jobs whose first opcode is op run.
func (b *bench) waitRunning(op string, want int) error {
	for {
		if n, err := b.count(op); err != nil || n == want {
			return err
		}
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// count counts the jobs that run and whose first opcode is op.
func (b *bench) count(op string) (int, error) {
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	jobs, err := client.ListJobs(b.ctx, nil, false)
	n := 0
	for _, job := range jobs {
		if job.Ops[0].ID == op && job.Status == luxi.JobRunning {
			n++
		}
	}
	return n, err
}
