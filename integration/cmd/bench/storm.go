package main

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
)

// stormCluster has 50 primaries and 15 secondaries on n0, which is dead.
func stormCluster() (text string, lost []string) {
	var t strings.Builder
	t.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\ngroup default\nnode n0 mem=65536 disk=1048576 offline dead\n")
	for n := 1; n < 12; n++ {
		fmt.Fprintf(&t, "node n%d mem=65536 disk=1048576\n", n)
	}
	for k := 0; k < 200; k++ {
		primary, secondary := k%11+1, (k+3)%11+1
		switch {
		case k < 50:
			primary = 0
			lost = append(lost, fmt.Sprintf("i%d", k))
		case k < 65:
			secondary = 0
		}
		fmt.Fprintf(&t, "instance i%d nodes=n%d,n%d template=drbd\n", k, primary, secondary)
	}
	return t.String(), lost
}

// storm measures from the beginning to the end of the last failover.
func (b *bench) storm(name string) error {
	text, lost := stormCluster()
	for _, who := range []string{"bare jobs", "ganeti-autorepair", "harep --job-delay=0"} {
		if err := b.c.Load(b.ctx, text); err != nil {
			return err
		}
		began := time.Now()
		switch who {
		case "bare jobs":
			var jobs [][]vcluster.Opcode
			for _, name := range lost {
				jobs = append(jobs, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": name}})
			}
			if _, err := b.c.Submit(b.ctx, jobs...); err != nil {
				return err
			}
		case "ganeti-autorepair":
			settings := b.c.Root(b.c.Master()) + "/etc/ganeti/autorepair.toml"
			if err := b.c.WriteFile(settings, []byte("pass_timeout = \"10m\"\n"), 0o644); err != nil {
				return err
			}
			if _, _, err := b.command(b.c.Master(), b.program, "run"); err != nil {
				return err
			}
		default:
			if _, _, err := b.command(b.c.Master(), "harep", "-L"+b.c.SocketInside(), "--job-delay=0"); err != nil {
				return err
			}
		}
		first, last, err := b.failovers(began, lost)
		if err != nil {
			return err
		}
		b.add(Row{Case: name, Who: who, Wall: []float64{last.Seconds()}, Note: fmt.Sprintf("first failover runs after %.1f s", first.Seconds())})
	}
	return nil
}

// failovers waits for the end of all failovers of the lost instances and tells
// when the first began and the last ended.
func (b *bench) failovers(began time.Time, lost []string) (first, last time.Duration, err error) {
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	want := make(map[string]bool)
	for _, name := range lost {
		want[name] = true
	}
	for {
		jobs, err := client.ListJobs(b.ctx, nil, false)
		if err != nil {
			return 0, 0, err
		}
		done := 0
		var start, end time.Time
		for _, job := range jobs {
			failover := luxi.JobOp{}
			for _, op := range job.Ops {
				if op.ID == "OP_INSTANCE_FAILOVER" {
					failover = op
				}
			}
			if failover.ID == "" || !want[failover.Param("instance_name")] || job.Status != luxi.JobSuccess {
				continue
			}
			done++
			if start.IsZero() || job.Started.Before(start) {
				start = job.Started
			}
			if job.Ended.After(end) {
				end = job.Ended
			}
		}
		if done >= len(lost) {
			return start.Sub(began), end.Sub(began), nil
		}
		select {
		case <-b.ctx.Done():
			return 0, 0, b.ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}
