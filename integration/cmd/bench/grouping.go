package main

import (
	"encoding/json"
	"fmt"
	"time"

	"ganeti-autorepair/integration/vcluster"
	"ganeti-autorepair/luxi"
)

// grouping measures what it would gain to have the new secondaries of the 15
// instances that lost theirs placed together (P14): by one run of the allocator
// before the jobs, instead of one in each.
func (b *bench) grouping(name string) error {
	text, _ := stormCluster()
	client := luxi.New(b.c.Socket(), luxi.Options{})
	defer client.Close()
	for _, together := range []bool{false, true} {
		if err := b.c.Load(b.ctx, text); err != nil {
			return err
		}
		began := time.Now()
		var placed map[string]string
		note := ""
		if together {
			var err error
			if placed, err = b.place(client); err != nil {
				return err
			}
			note = fmt.Sprintf("all placed after %.1f s", time.Since(began).Seconds())
		}
		var jobs [][]vcluster.Opcode
		for _, name := range halfLost() {
			op := vcluster.Opcode{"OP_ID": "OP_INSTANCE_REPLACE_DISKS", "instance_name": name, "mode": "replace_new_secondary", "disks": []any{}}
			if together {
				op["remote_node"] = placed[name]
			} else {
				op["iallocator"] = "."
			}
			jobs = append(jobs, []vcluster.Opcode{op})
		}
		ids, err := b.c.Submit(b.ctx, jobs...)
		if err != nil {
			return err
		}
		for _, id := range ids {
			status, err := client.WaitForJob(b.ctx, luxi.JobID(id))
			if err != nil {
				return err
			}
			if status != luxi.JobSuccess {
				return fmt.Errorf("job %d ended as %s", id, status)
			}
		}
		who := map[bool]string{false: "an allocator run in each job", true: "one allocator run before them"}[together]
		b.add(Row{Case: name, Who: who, Wall: []float64{time.Since(began).Seconds()}, Note: note})
	}
	return nil
}

// halfLost are the instances of the storm that lost their secondary.
func halfLost() []string {
	var names []string
	for k := 50; k < 65; k++ {
		names = append(names, fmt.Sprintf("i%d", k))
	}
	return names
}

// place asks the allocator for new secondaries of all instances that lost theirs.
func (b *bench) place(client *luxi.Client) (map[string]string, error) {
	ids, err := b.c.Submit(b.ctx, []vcluster.Opcode{{"OP_ID": "OP_TEST_ALLOCATOR", "direction": "out", "mode": "node-evacuate",
		"name": "any", "iallocator": "hail", "instances": halfLost(), "evac_mode": "secondary-only"}})
	if err != nil {
		return nil, err
	}
	if _, err := client.WaitForJob(b.ctx, luxi.JobID(ids[0])); err != nil {
		return nil, err
	}
	infos, err := client.QueryJobs(b.ctx, []luxi.JobID{luxi.JobID(ids[0])})
	if err != nil {
		return nil, err
	}
	var text string
	if err := json.Unmarshal(infos[0].Ops[0].Result.Raw, &text); err != nil {
		return nil, fmt.Errorf("%s: %w", infos[0].Ops[0].Result.Raw, err)
	}
	var answer struct {
		Result [3]json.RawMessage // moved, failed, jobs
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	var jobs [][]struct {
		Instance string `json:"instance_name"`
		Remote   string `json:"remote_node"`
	}
	if err := json.Unmarshal(answer.Result[2], &jobs); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	placed := make(map[string]string)
	for _, ops := range jobs {
		for _, op := range ops {
			placed[op.Instance] = op.Remote
		}
	}
	for _, name := range halfLost() {
		if placed[name] == "" {
			return nil, fmt.Errorf("no node for %s: %s", name, text)
		}
	}
	return placed, nil
}
