package main

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// rackCluster has 2,000 instances on rbd. The 25 nodes of "rack" that have 500 of
// them are dead; five more of its nodes are well, as are those of the other group.
// More live nodes than that a few processors do not simulate in time.
func rackCluster() string {
	var t strings.Builder
	t.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\ngroup rack\ngroup other\n")
	for n := 0; n < 25; n++ {
		fmt.Fprintf(&t, "node r%d group=rack mem=65536 disk=1048576 offline dead\n", n)
	}
	for n := 25; n < 30; n++ {
		fmt.Fprintf(&t, "node r%d group=rack mem=1048576 disk=1048576\n", n)
	}
	for n := 0; n < 15; n++ {
		fmt.Fprintf(&t, "node o%d group=other mem=1048576 disk=1048576\n", n)
	}
	for k := 0; k < 2000; k++ {
		if k < 500 {
			fmt.Fprintf(&t, "instance i%d nodes=r%d template=rbd\n", k, k%25)
		} else {
			fmt.Fprintf(&t, "instance i%d nodes=o%d template=rbd\n", k, k%15)
		}
	}
	return t.String()
}

// rack measures passes after a whole rack was lost: with the valves as they come,
// which hold everything, and with max_unhealthy_nodes off.
func (b *bench) rack(name string) error {
	if err := b.c.Load(b.ctx, rackCluster()); err != nil {
		return err
	}
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	if err := b.settings(""); err != nil {
		return err
	}
	if err := b.measure(name, "pass, settings as they come", 3, b.c.Master(), b.program, "run"); err != nil {
		return err
	}
	jobs, err := client.ListJobs(b.ctx, nil, false)
	if err != nil {
		return err
	}
	b.rows[len(b.rows)-1].Note = fmt.Sprintf("%d jobs submitted", len(jobs))
	if err := b.settings("max_unhealthy_nodes = 100\n"); err != nil {
		return err
	}
	for n := 1; n <= 4; n++ {
		began := time.Now()
		mib, err := b.peak(b.c.Master(), b.program, "run")
		if err != nil {
			return err
		}
		took := time.Since(began).Seconds()
		begun, err := b.begun(client)
		if err != nil {
			return err
		}
		b.add(Row{Case: name, Who: fmt.Sprintf("pass %d, max_unhealthy_nodes = 100", n), Wall: []float64{took}, Memory: mib,
			Note: fmt.Sprintf("%d of 500 failovers begun so far", begun)})
	}
	return nil
}

// begun counts the failovers that were released, finished or not.
func (b *bench) begun(client *luxi.Client) (int, error) {
	jobs, err := client.ListJobs(b.ctx, nil, false)
	n := 0
	for _, job := range jobs {
		if job.Ops[0].ID == "OP_INSTANCE_FAILOVER" && (job.Status == luxi.JobSuccess || job.Status == luxi.JobRunning || job.Status == luxi.JobWaiting) {
			n++
		}
	}
	return n, err
}
