package main

import (
	"fmt"
	"strings"
	"time"

	"ganeti-autorepair/luxi"
)

// rackCluster has 100 nodes in groups of 25 and 2,000 instances, each within its
// group. The 25 nodes of the group "rack" are dead; half of its 500 instances can
// live on any node, of which "rack" has five more.
func rackCluster() string {
	var t strings.Builder
	t.WriteString("cluster cluster tags=ganeti:watcher:autorepair:failover\n")
	k := 0
	for g, group := range []string{"rack", "two", "three", "four"} {
		fmt.Fprintf(&t, "group %s\n", group)
		for n := 0; n < 25; n++ {
			state := ""
			if g == 0 {
				state = " offline dead"
			}
			fmt.Fprintf(&t, "node g%dn%d group=%s mem=262144 disk=16777216%s\n", g, n, group, state)
		}
		for n := 25; g == 0 && n < 30; n++ {
			fmt.Fprintf(&t, "node g%dn%d group=%s mem=1048576 disk=16777216\n", g, n, group)
		}
		for i := 0; i < 500; i++ {
			if i%2 == 0 {
				fmt.Fprintf(&t, "instance i%d nodes=g%dn%d template=rbd\n", k, g, i%25)
			} else {
				fmt.Fprintf(&t, "instance i%d nodes=g%dn%d,g%dn%d template=drbd\n", k, g, i%25, g, (i+1)%25)
			}
			k++
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
			Note: fmt.Sprintf("%d of 250 failovers begun so far", begun)})
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
