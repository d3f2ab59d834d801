package read

import (
	"context"
	"fmt"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// RoomAnswers are what a job of ours told that asked for room.
type RoomAnswers struct {
	repair.Answers
	// Received is when the job was submitted; zero if there is none.
	Received time.Time
	// Complete says that all of its opcodes succeeded.
	Complete bool
}

// LastRoomAnswers returns the answers of the newest job that asked for room and was
// submitted at the given time or later. It costs reading the files of the jobs in the
// queue.
func LastRoomAnswers(ctx context.Context, c *luxi.Client, since time.Time) (RoomAnswers, error) {
	var filters []luxi.Filter
	for _, op := range []string{"OS_DIAGNOSE", "INSTANCE_QUERY_DATA", "NODE_QUERY_STORAGE"} {
		filters = append(filters, luxi.Contains("summary", op))
	}
	jobs, err := c.ListJobs(ctx, luxi.And(luxi.Ge("received_ts", since.Unix()), luxi.Or(filters...)), false)
	if err != nil {
		return RoomAnswers{}, fmt.Errorf("looking for what nodes told earlier: %w", err)
	}
	var newest luxi.JobInfo
	for _, job := range jobs {
		if m, ours := repair.MarkOf(job); ours && m == repair.RoomMark && job.ID > newest.ID {
			newest = job
		}
	}
	return RoomAnswersOf(newest), nil
}

// RoomAnswersOf returns what a job that asked for room has told so far.
func RoomAnswersOf(job luxi.JobInfo) RoomAnswers {
	a := RoomAnswers{Received: job.Received, Complete: job.Status == luxi.JobSuccess}
	for _, op := range job.Ops {
		var err error
		switch {
		case op.Status != luxi.JobSuccess:
			continue
		case op.ID == luxi.OpInstanceQueryData:
			a.Instances, err = op.InstanceData()
		case op.ID == luxi.OpOsDiagnose:
			a.OSes, err = op.OSes()
		case op.ID == luxi.OpNodeQueryStorage:
			var units []luxi.StorageUnit
			if units, err = op.Storage(); err != nil {
				break
			}
			if a.Storage == nil {
				a.Storage = make(map[string][]luxi.StorageUnit)
			}
			a.Storage[op.Param("storage_type")] = units
		}
		a.Complete = a.Complete && err == nil
	}
	return a
}
