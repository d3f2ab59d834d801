package main

import (
	"context"
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

// othersAfter is when, in a storm, an administrator submits a job.
const othersAfter = 5 * time.Second

// storm measures from the beginning to the end of the last failover.
func (b *bench) storm(name string) error {
	text, all := stormCluster()
	for _, who := range []string{"bare jobs", "one bare job", "ganeti-autorepair", "harep --job-delay=0"} {
		lost, runs := all, 1
		switch who {
		case "one bare job":
			lost = all[:1]
		case "bare jobs", "ganeti-autorepair":
			runs = stormRuns
		}
		r := Row{Case: name, Who: who}
		var firsts, waits []float64
		for n := 0; n < runs; n++ {
			first, last, waited, err := b.oneStorm(text, who, lost)
			if err != nil {
				return err
			}
			firsts, waits, r.Wall = append(firsts, first.Seconds()), append(waits, waited.Seconds()), append(r.Wall, last.Seconds())
		}
		r.Note = fmt.Sprintf("first failover runs after %.1f s, another's job after %.1f s", median(firsts), median(waits))
		if who == "ganeti-autorepair" {
			counts, err := b.tagOpcodes()
			if err != nil {
				return err
			}
			r.Note += "; " + counts
		}
		b.add(r)
	}
	return nil
}

// stormRuns is how often the storms are played that are compared: on few processors
// one may take a fifth longer than the next.
const stormRuns = 3

// oneStorm plays a storm: when, from its beginning, the first failover had its locks
// and the last had ended, and how long another's job waited.
func (b *bench) oneStorm(text, who string, lost []string) (first, last, waited time.Duration, err error) {
	if err := b.c.Load(b.ctx, text); err != nil {
		return 0, 0, 0, err
	}
	// The first write after a start of wconfd goes to all nodes, and is not what a
	// storm finds.
	if _, err := b.c.Run(b.ctx, b.c.Master(), "gnt-instance", "add-tags", "i199", "warm"); err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	other := b.otherJob(began.Add(othersAfter))
	if err := b.repair(who, lost); err != nil {
		return 0, 0, 0, err
	}
	if first, last, err = b.failovers(began, lost); err != nil {
		return 0, 0, 0, err
	}
	o := <-other
	return first, last, o.d, o.err
}

// repair begins all failovers.
func (b *bench) repair(who string, lost []string) error {
	switch who {
	case "one bare job", "bare jobs":
		var jobs [][]vcluster.Opcode
		for _, name := range lost {
			jobs = append(jobs, []vcluster.Opcode{{"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": name}})
		}
		_, err := b.c.Submit(b.ctx, jobs...)
		return err
	case "ganeti-autorepair":
		if err := b.settings("pass_timeout = \"10m\"\n"); err != nil {
			return err
		}
		_, _, err := b.command(b.c.Master(), b.program, "run")
		return err
	}
	_, _, err := b.command(b.c.Master(), "harep", "-L"+b.c.SocketInside(), "--job-delay=0")
	return err
}

func (b *bench) settings(text string) error {
	return b.c.WriteFile(b.c.Root(b.c.Master())+"/etc/ganeti/autorepair.toml", []byte(text), 0o644)
}

// wait is how long something waited.
type wait struct {
	d   time.Duration
	err error
}

// otherJob submits, at a time, a job that takes nothing but a slot, as people do,
// and tells how long it took to begin.
func (b *bench) otherJob(at time.Time) <-chan wait {
	out := make(chan wait, 1)
	go func() {
		d, err := b.timeOtherJob(at)
		out <- wait{d, err}
	}()
	return out
}

func (b *bench) timeOtherJob(at time.Time) (time.Duration, error) {
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(time.Until(at)):
	}
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	id, err := client.SubmitJob(b.ctx, []luxi.OpCode{&luxi.TestDelay{Duration: 0.01}})
	if err != nil {
		return 0, err
	}
	if _, err := client.WaitForJob(b.ctx, id); err != nil {
		return 0, err
	}
	jobs, err := client.QueryJobs(b.ctx, []luxi.JobID{id})
	if err != nil {
		return 0, err
	}
	return jobs[0].Started.Sub(jobs[0].Received), nil
}

// tagOpcodes finishes all repairs and counts the writes of tags that each took.
func (b *bench) tagOpcodes() (string, error) {
	if _, _, err := b.command(b.c.Master(), b.program, "run", "--wait"); err != nil {
		return "", err
	}
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	jobs, err := client.ListJobs(b.ctx, nil, false)
	if err != nil {
		return "", err
	}
	tags, steps := make(map[string]int), make(map[string]int)
	for _, job := range jobs {
		for _, op := range job.Ops {
			switch {
			case (op.ID == "OP_TAGS_SET" || op.ID == "OP_TAGS_DEL") && op.Status == luxi.JobSuccess:
				tags[op.Param("name")]++
			case strings.HasPrefix(op.ID, "OP_INSTANCE_") && op.Status == luxi.JobSuccess:
				steps[op.Param("instance_name")]++
			}
		}
	}
	most := make(map[int]int)
	repairs := 0
	for name, n := range tags {
		if steps[name] > 0 {
			repairs++
		}
		if n > most[steps[name]] {
			most[steps[name]] = n
		}
	}
	return fmt.Sprintf("at most %d tag opcodes for a repair of one step, %d for two (%d repairs)", most[1], most[2], repairs), nil
}

// failovers waits for the end of all failovers of the lost instances and tells
// when the first had its locks and the last ended.
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
		var done []luxi.JobInfo
		for _, job := range jobs {
			if job.Ops[0].ID == "OP_INSTANCE_FAILOVER" && want[job.Ops[0].Param("instance_name")] && job.Status == luxi.JobSuccess {
				done = append(done, job)
			}
		}
		if len(done) >= len(lost) {
			return b.span(client, began, done)
		}
		select {
		case <-b.ctx.Done():
			return 0, 0, b.ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// span tells when the first of the jobs had its locks and the last had ended.
func (b *bench) span(client *luxi.Client, began time.Time, jobs []luxi.JobInfo) (first, last time.Duration, err error) {
	for k, job := range jobs {
		start, err := execStart(b.ctx, client, job.ID)
		if err != nil {
			return 0, 0, err
		}
		if d := start.Sub(began); k == 0 || d < first {
			first = d
		}
		if d := job.Ended.Sub(began); d > last {
			last = d
		}
	}
	return first, last, nil
}

// execStart is when the first opcode of a job had its locks.
func execStart(ctx context.Context, client *luxi.Client, id luxi.JobID) (time.Time, error) {
	t, err := client.Query(ctx, luxi.ResJob, []string{"opexec"}, luxi.Eq("id", int64(id)))
	if err != nil {
		return time.Time{}, err
	}
	var stamps [][2]int64 // seconds and microseconds
	if err := t.Scan(0, &stamps); err != nil {
		return time.Time{}, err
	}
	return time.Unix(stamps[0][0], stamps[0][1]*1000), nil
}
