package main

import (
	"fmt"
	"strings"
	"testing"
)

// W2: for every key the bounds are accepted, and what is just beyond them or of
// another type is refused with the words for what is allowed.
func TestSettingsBounds(t *testing.T) {
	good := map[string][]string{
		"interval":            {`"1s"`, `"24h"`, `"1h30m"`},
		"busy_interval":       {`"1s"`, `"24h"`},
		"pass_timeout":        {`"10s"`, `"10m"`, `"600s"`},
		"iallocator":          {`""`, `"hail"`, `"my_own-1.2"`},
		"max_running":         {`0`, `1000`},
		"max_new_per_pass":    {`0`, `100000`},
		"max_copying":         {`0`, `1000`},
		"replace_disks_after": {`"0s"`, `"168h"`},
		"max_unhealthy_nodes": {`1`, `100`, `"0%"`, `"50%"`, `"100%"`, `"2"`},
		"max_attempts":        {`1`, `10`},
		"results_kept":        {`0`, `100`},
		"fence":               {`"none"`, `"oob"`, `"/usr/local/sbin/fence"`, `"/a b"`},
		"log":                 {`""`, `"/x"`, `'/var/log/a b'`},
		"log_format":          {`"text"`, `"json"`},
		"metrics_file":        {`""`, `"/var/lib/prometheus/node-exporter/autorepair.prom"`},
		"event_dir":           {`""`, `"/etc/ganeti/autorepair.d"`},
		"rehearsal_metrics":   {`true`, `false`},
		"dead_nodes":          {`"off"`, `"report"`, `"offline"`},
		"dead_after":          {`"5m"`, `"24h"`},
		"max_silent":          {`1`, `1000`},
		"disks":               {`"off"`, `"report"`, `"repair"`},
		"disk_grace":          {`"5m"`, `"2h"`, `"1h30m"`},
		"repeat_after":        {`"1h"`, `"720h"`},
		"relocate":            {`"off"`, `"report"`, `"repair"`},
		"restart_tries":       {`0`, `100`},
		"max_relocations":     {`0`, `1000`},
	}
	bad := map[string][]string{
		"interval":            {`"999ms"`, `"24h1s"`, `"0s"`, `"-1m"`, `""`, `"15"`, `900`, `15.0`, `true`, `1979-05-27T07:32:00Z`, `["15m"]`, `{ a = 1 }`},
		"busy_interval":       {`"0.9s"`, `"25h"`, `240`},
		"pass_timeout":        {`"9s"`, `"10m1s"`, `60`},
		"iallocator":          {`"a b"`, `"/bin/hail"`, `"h;l"`, `1`, `"ä"`},
		"max_running":         {`-1`, `1001`, `"3"`, `1.0`, `9223372036854775807`},
		"max_new_per_pass":    {`-1`, `100001`, `false`},
		"max_copying":         {`-1`, `1001`, `"5"`},
		"replace_disks_after": {`"-1s"`, `"168h1s"`, `600`, `"soon"`},
		"max_unhealthy_nodes": {`-1`, `101`, `0.5`, `"101%"`, `"-1"`, `"half"`, `""`, `"%"`},
		"max_attempts":        {`0`, `11`, `-3`},
		"results_kept":        {`-1`, `101`},
		"fence":               {`""`, `"fence"`, `"none "`, `"OOB"`, `"./fence"`, `1`, `["/x"]`},
		"log":                 {`"x"`, `"./x"`, `true`, `[]`},
		"log_format":          {`""`, `"xml"`, `1`},
		"metrics_file":        {`"x.prom"`, `"/x"`, `".prom"`, `1`},
		"event_dir":           {`"x"`, `false`},
		"rehearsal_metrics":   {`"true"`, `1`, `"yes"`},
		"dead_nodes":          {`""`, `"Offline"`, `"on"`, `true`},
		"dead_after":          {`"4m59s"`, `"24h1s"`, `600`},
		"max_silent":          {`0`, `1001`, `"1"`},
		"disks":               {`""`, `"Repair"`, `"repair "`, `"on"`, `"fix"`, `true`},
		"disk_grace":          {`"4m59s"`, `"2h1s"`, `"0s"`, `1200`, `"20"`},
		"repeat_after":        {`"59m59s"`, `"720h1s"`, `"0s"`, `24`, `"1d"`},
		"relocate":            {`""`, `"REPORT"`, `"move"`, `false`},
		"restart_tries":       {`-1`, `101`, `"5"`, `5.0`},
		"max_relocations":     {`-1`, `1001`, `"3"`, `true`},
	}
	for _, s := range settingsTable {
		if len(good[s.key]) == 0 || len(bad[s.key]) == 0 {
			t.Errorf("%s: nothing is tried", s.key)
		}
		for _, value := range good[s.key] {
			if _, err := parseSettings("f", s.key+" = "+value+"\n"); err != nil {
				t.Errorf("%s = %s: %v", s.key, value, err)
			}
		}
		for _, value := range bad[s.key] {
			want := fmt.Sprintf("f:2: %s: must be %s", s.key, s.allowed)
			if _, err := parseSettings("f", "# a comment\n"+s.key+" = "+value+"\n"); err == nil || err.Error() != want {
				t.Errorf("%s = %s: %v, want %s", s.key, value, err, want)
			}
		}
	}
}

// W2: the line is that of the key, wherever and however it is written.
func TestSettingsLine(t *testing.T) {
	for name, row := range map[string]struct {
		file string
		line int
	}{
		"indented":             {"\n\n   max_running = -1\n", 3},
		"quoted":               {"\n\"max_running\" = -1\n", 2},
		"in single quotes":     {"\n'max_running'=-1\n", 2},
		"behind its own name":  {"# max_running = 3\nlog = \"\"\nmax_running = -1", 3},
		"the first of two":     {"max_attempts = 3\nresults_kept = -1\nmax_running = -1\n", 2},
		"with Windows endings": {"log = \"\"\r\nmax_running = -1\r\n", 2},
		"a table of that name": {"log = \"\"\n[max_running]\na = 1\n", 2},
		"a list of tables":     {"log = \"\"\n\n[[max_running]]\na = 1\n", 3},
		"a dotted key":         {"log = \"\"\nmax_running.a = 1\n", 2},
	} {
		_, err := parseSettings("f", row.file)
		if want := fmt.Sprintf("f:%d: ", row.line); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want it to begin with %s", name, err, want)
		}
	}
}
