package main

import (
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
)

// watched measures a pass that finds nothing to do with each value of the setting disks,
// by turns, as the machine may not stay as busy as it is. With "repair" it reads what
// ganeti-watcher's verifications of disks have left in the queue, of which there is one.
func (b *bench) watched(name string, nodes, instances int) error {
	if err := b.c.Load(b.ctx, describe(nodes, instances, 0, "tags=ganeti:watcher:autorepair:failover")); err != nil {
		return err
	}
	// With the certificates of all authorities to read for each call, most nodes do not answer
	// in time on few processors, and a pass asks again whether they are silent.
	if err := b.withoutAuthorities(); err != nil {
		return err
	}
	defer func() { _, _ = b.c.Run(b.ctx, "", "umount", authorities) }()
	client := luxi.New(b.c.Socket(), luxi.Options{CallTimeout: 5 * time.Minute})
	defer client.Close()
	note, err := b.verifyDisks(client)
	if err != nil {
		return err
	}
	rows := []Row{{Case: name, Who: `disks = "off"`}, {Case: name, Who: `disks = "report"`}, {Case: name, Who: `disks = "repair"`}}
	cpus := make([][]float64, len(rows))
	for n := -1; n < 3*b.runs; n++ { // the first time is to warm up
		for step := range rows {
			k := (n + 1 + step) % len(rows)
			value := []string{"off", "report", "repair"}[k]
			if err := b.settings(fmt.Sprintf("disks = %q\n", value)); err != nil {
				return err
			}
			wall, cpu, err := b.command(b.c.Master(), b.program, "run")
			if err != nil {
				return err
			}
			if n >= 0 {
				rows[k].Wall, cpus[k] = append(rows[k].Wall, wall), append(cpus[k], cpu)
			}
		}
	}
	for k, r := range rows {
		r.CPU = median(cpus[k])
		b.add(r)
	}
	b.rows = append(b.rows, Row{Case: name, Who: "GROUP_VERIFY_DISKS, one bare job", Note: note})
	return b.settings("")
}

// verifyDisks verifies all disks as ganeti-watcher does, and returns how long that took. What
// is found must be well. So many nodes that few processors cannot simulate in time may fail.
func (b *bench) verifyDisks(client *luxi.Client) (string, error) {
	began := time.Now()
	id, err := b.job(client, map[string]any{"OP_ID": luxi.OpGroupVerifyDisks, "group_name": "default"})
	took := time.Since(began).Seconds()
	if err != nil && b.ctx.Err() == nil {
		return fmt.Sprintf("failed after %.1f s: %v", took, err), nil
	}
	jobs, err := client.QueryJobs(b.ctx, []luxi.JobID{id})
	if err != nil {
		return "", err
	}
	found, err := jobs[0].Ops[0].VerifiedDisks()
	if err != nil {
		return "", err
	}
	if len(found.NodeErrors)+len(found.Inactive)+len(found.Lost) > 0 {
		return "", fmt.Errorf("not all is well: %d nodes did not answer, %d instances have inactive disks, %d lost ones", len(found.NodeErrors), len(found.Inactive), len(found.Lost))
	}
	return fmt.Sprintf("%.1f s", took), nil
}

// looks measures what a closer look at the disks of ten instances costs, beside one at
// those of a single one.
func (b *bench) looks(name string) error {
	if err := b.c.Load(b.ctx, describe(100, 2000, 0, "")); err != nil {
		return err
	}
	if err := b.withoutAuthorities(); err != nil {
		return err
	}
	defer func() { _, _ = b.c.Run(b.ctx, "", "umount", authorities) }()
	client := luxi.New(b.c.Socket(), luxi.Options{CallTimeout: 5 * time.Minute})
	defer client.Close()
	for _, many := range []int{1, 10} {
		r := Row{Case: name, Who: fmt.Sprintf("INSTANCE_QUERY_DATA of %d", many)}
		for n := 0; n < b.runs; n++ {
			var names []string
			for k := 0; k < many; k++ {
				names = append(names, fmt.Sprintf("i%d", 100*n+7*k))
			}
			began := time.Now()
			if _, err := b.job(client, map[string]any{"OP_ID": luxi.OpInstanceQueryData, "instances": names, "static": false}); err != nil {
				return err
			}
			r.Wall = append(r.Wall, time.Since(began).Seconds())
		}
		b.add(r)
	}
	return nil
}

// withoutAuthorities hides the certificates of public authorities from the master.
func (b *bench) withoutAuthorities() error {
	_, err := b.c.Run(b.ctx, "", "mount", "-t", "tmpfs", "vcluster", authorities)
	return err
}

// job submits an opcode and waits until it has succeeded.
func (b *bench) job(client *luxi.Client, op map[string]any) (luxi.JobID, error) {
	var id luxi.JobID
	op["reason"] = []any{}
	if err := client.Call(b.ctx, "SubmitJob", []any{[]any{op}}, &id); err != nil {
		return 0, err
	}
	status, err := client.WaitForJob(b.ctx, id)
	if err == nil && status != luxi.JobSuccess {
		err = fmt.Errorf("job %d ended as %s", id, status)
	}
	return id, err
}
