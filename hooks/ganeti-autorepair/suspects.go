package main

import (
	"encoding/json"
	"os"

	"ganeti-autorepair/luxi"
)

// suspectsFile is the name of the file with the instances that a job has left otherwise
// than the configuration says, by UUID, with the job. Losing it hides those whose jobs are
// archived, until they are to be repaired (S16, S18).
const suspectsFile = "suspects"

func readSuspects(state stateDir) map[string]luxi.JobID {
	list := make(map[string]luxi.JobID)
	data, err := os.ReadFile(state.file(suspectsFile))
	if err != nil || json.Unmarshal(data, &list) != nil {
		return map[string]luxi.JobID{}
	}
	return list
}

func writeSuspects(state stateDir, list map[string]luxi.JobID) error {
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return replaceFile(state.file(suspectsFile), data, 0o600)
}
