package report_test

import (
	"encoding/json"
	"testing"

	"ganeti-autorepair/integration/goldenfile"
	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/repair/repairtest"
	"ganeti-autorepair/plugin/report"
)

// V6: what a dry run shows is the plan's list of actions, in order.
func TestActionsGolden(t *testing.T) {
	list, err := report.Actions(repairtest.Exhibition(), repair.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Want(t, "actions.json", string(b)+"\n")
}
