package main

import (
	"encoding/json"
	"os"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin"
)

// jobMemory is what the next pass needs of earlier jobs that neither tags nor the live
// queue tell.
type jobMemory struct {
	// Suspects are the instances that a job has left otherwise than the configuration says,
	// by UUID, with the job. Losing them hides those whose jobs are archived, until they
	// are to be repaired (S16, S18).
	Suspects map[string]luxi.JobID `json:"suspects"`
	// TakenBack are the jobs that passes have canceled before they began. One that is lost
	// counts as canceled by a person (S13).
	TakenBack map[luxi.JobID]bool `json:"taken_back"`
}

// jobsOf returns what a pass found out about jobs.
func jobsOf(did *plugin.Report) jobMemory { return jobMemory{did.Suspects, did.JobsTakenBack()} }

const jobMemoryFile = "jobs"

func readJobMemory(state stateDir) jobMemory {
	var m jobMemory
	data, err := os.ReadFile(state.file(jobMemoryFile))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return jobMemory{}
	}
	return m
}

func (m jobMemory) write(state stateDir) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return replaceFile(state.file(jobMemoryFile), data, 0o600)
}
