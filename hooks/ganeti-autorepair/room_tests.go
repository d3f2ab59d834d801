package main

import (
	"encoding/json"
	"os"

	"ganeti-autorepair/plugin/repair"
)

// roomTestsFile is the name of the file with the tests for room, by repair id, which
// the next pass needs to test at growing distances (P21). Losing it costs a few tests.
const roomTestsFile = "room-tests"

func readRoomTests(state stateDir) map[string]repair.RoomTest {
	tests := make(map[string]repair.RoomTest)
	data, err := os.ReadFile(state.file(roomTestsFile))
	if err != nil || json.Unmarshal(data, &tests) != nil {
		return map[string]repair.RoomTest{}
	}
	return tests
}

func writeRoomTests(state stateDir, tests map[string]repair.RoomTest) error {
	data, err := json.Marshal(tests)
	if err != nil {
		return err
	}
	return replaceFile(state.file(roomTestsFile), data, 0o600)
}
