package main

import (
	"context"
	"fmt"
	"strings"

	"ganeti-autorepair/luxi"
)

// job is a job of the program, as told in the story.
type job struct {
	luxi.JobInfo
	kind     string // "repair", "probe", or what else its reason trail says
	instance string // "" if it concerns none
}

// jobsAfter lists the program's own jobs whose numbers are greater than id, in
// order, when all jobs there have ended.
func jobsAfter(ctx context.Context, c *luxi.Client, id luxi.JobID) ([]job, luxi.JobID, error) {
	last := id
	for {
		list, err := c.ListJobs(ctx, luxi.Gt("id", id), false)
		if err != nil {
			return nil, 0, err
		}
		var mine []job
		ended := true
		for _, info := range list {
			if info.Known && !info.Status.Final() {
				ended = false
				if _, err := c.WaitForJob(ctx, info.ID); err != nil {
					return nil, 0, fmt.Errorf("waiting for job %d: %w", info.ID, err)
				}
			}
			if kind := kindOf(info); kind != "" {
				mine = append(mine, job{info, kind, info.Ops[0].Param("instance_name")})
			}
			if info.ID > last {
				last = info.ID
			}
		}
		if ended {
			return mine, last, nil
		}
	}
}

// kindOf tells by the reason trail what a job of the program is for: "" if it
// is not one.
func kindOf(info luxi.JobInfo) string {
	for _, op := range info.Ops {
		for _, r := range op.Reason {
			if r.Source == "ganeti-autorepair" {
				kind, _, _ := strings.Cut(r.Text, " ")
				return kind
			}
		}
	}
	return ""
}

// summary is what a job did and what came of it.
func (j job) summary() string {
	var ops []string
	for _, s := range j.Summary {
		// "INSTANCE_FAILOVER(db1)": the instance is known.
		name, _, _ := strings.Cut(s, "(")
		ops = append(ops, name)
	}
	text := fmt.Sprintf("job %d %s: %s", j.ID, j.Status, strings.Join(ops, ", "))
	if j.kind == "probe" {
		text += " as a dry run"
	}
	for _, op := range j.Ops {
		if op.Status == luxi.JobError && op.Result.Err != nil {
			text += ": " + strings.Join(strings.Fields(op.Result.Err.Message), " ")
			break
		}
	}
	return text
}
