// Command bench measures, side by side on one real master over simulated nodes,
// this program, Ganeti's harep, and the floor: the bare queries, or the bare
// repair jobs submitted by hand. It prints a table of medians and of their ratios
// and writes both as JSON. It needs root.
//
//	bench -program FILE [-runs 5] [-only WORD] [-json FILE]
//
// The floor of a quiet pass is the same queries asked by a process that does
// nothing else (bench -floor SOCKET, bench -places SOCKET), so that both begin a
// process in the cluster.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"ganeti-autorepair/integration/simcluster"
	"ganeti-autorepair/integration/vcluster"
)

// Row is what was measured of one thing in one situation.
type Row struct {
	Case   string    `json:"case"`
	Who    string    `json:"who"`
	Wall   []float64 `json:"wall_s"`          // of each run, in seconds
	Median float64   `json:"median_s"`        // of Wall
	Ratio  float64   `json:"ratio_to_floor"`  // of the medians
	CPU    float64   `json:"cpu_s,omitempty"` // median, in seconds
	Memory float64   `json:"peak_mib,omitempty"`
	Note   string    `json:"note,omitempty"`
}

// bench is a run of the command.
type bench struct {
	ctx     context.Context
	c       *simcluster.Cluster
	program string
	runs    int
	rows    []Row
}

func main() {
	program := flag.String("program", "build/ganeti-autorepair", "the `file` to measure")
	runs := flag.Int("runs", 5, "`number` of runs of each quiet case")
	only := flag.String("only", "", "measure only cases whose name contains the `word`")
	out := flag.String("json", "", "`file` for the results")
	floor := flag.String("floor", "", "only ask what a quiet pass needs, at the `socket`")
	places := flag.String("places", "", "only ask where every instance is, at the `socket`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *floor != "":
		err = bareQueries(ctx, *floor)
	case *places != "":
		err = allPlaces(ctx, *places)
	default:
		err = run(ctx, *program, *runs, *only, *out)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: error: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, runs int, only, out string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	c, err := simcluster.Start(ctx, vcluster.Options{Authorities: true})
	if err != nil {
		return err
	}
	defer c.Close()
	b := &bench{ctx: ctx, c: c, program: program, runs: runs}
	for _, m := range []struct {
		name string
		do   func(string) error
	}{
		{"quiet, 100 nodes, 2000 instances", func(n string) error { return b.quiet(n, 100, 2000, true) }},
		{"quiet, 200 nodes, 10000 instances", func(n string) error { return b.quiet(n, 200, 10000, false) }},
		{"one of 200 nodes lost, 10000 instances, no permission", b.oneNodeLost},
		{"quiet by the setting disks, 100 nodes, 2000 instances", func(n string) error { return b.watched(n, 100, 2000) }},
		{"quiet by the setting disks, 200 nodes, 10000 instances", func(n string) error { return b.watched(n, 200, 10000) }},
		{"closer looks at disks, 100 nodes, 2000 instances", b.looks},
		{"hook on another node", b.elsewhere},
		{"storm, 12 nodes, 200 instances, 50 primaries lost", b.storm},
		{"new secondaries for 15 instances", b.grouping},
		{"20 primaries lost while 15 disks are copied", b.copies},
		{"rack of 25 nodes lost, 2000 instances", b.rack},
	} {
		if !strings.Contains(m.name, only) {
			continue
		}
		if err := m.do(m.name); err != nil {
			_ = b.print() // what there is
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := b.print(); err != nil || out == "" {
		return err
	}
	data, err := json.MarshalIndent(b.rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}

// add completes a row; the first row of a case is its floor.
func (b *bench) add(r Row) {
	r.Median = median(r.Wall)
	floor := r.Median
	for _, other := range b.rows {
		if other.Case == r.Case {
			floor = other.Median
			break
		}
	}
	r.Ratio = r.Median / floor
	b.rows = append(b.rows, r)
	fmt.Fprintf(os.Stderr, "%s: %s: %.3f s\n", r.Case, r.Who, r.Median)
}

func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	last := ""
	for _, r := range b.rows {
		if r.Case != last {
			fmt.Fprintf(w, "%s\n  \tmedian\tto floor\tCPU\t\n", r.Case)
			last = r.Case
		}
		cpu := ""
		if r.Memory > 0 {
			r.Note = strings.TrimSpace(fmt.Sprintf("%s peak %.0f MiB", r.Note, r.Memory))
		}
		if r.CPU > 0 {
			cpu = fmt.Sprintf("%.3f s", r.CPU)
		}
		if len(r.Wall) == 0 {
			fmt.Fprintf(w, "  %s\t\t\t\t%s\n", r.Who, r.Note)
			continue
		}
		fmt.Fprintf(w, "  %s\t%.3f s\t%.2f\t%s\t%s\n", r.Who, r.Median, r.Ratio, cpu, r.Note)
	}
	return w.Flush()
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := append([]float64(nil), list...)
	sort.Float64s(s)
	return s[len(s)/2]
}

// command runs a command on a node and measures it.
func (b *bench) command(node string, args ...string) (wall, cpu float64, err error) {
	var stderr strings.Builder
	cmd := b.c.Command(b.ctx, node, args...)
	cmd.Stderr = &stderr
	began := time.Now()
	err = cmd.Run()
	wall = time.Since(began).Seconds()
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return wall, cpu, nil
}

// measure runs a command several times.
func (b *bench) measure(name, who string, runs int, node string, args ...string) error {
	r := Row{Case: name, Who: who}
	var cpus []float64
	for n := 0; n < runs; n++ {
		wall, cpu, err := b.command(node, args...)
		if err != nil {
			return err
		}
		r.Wall, cpus = append(r.Wall, wall), append(cpus, cpu)
	}
	r.CPU = median(cpus)
	if args[0] == b.program {
		var err error
		if r.Memory, err = b.peak(node, args...); err != nil {
			return err
		}
	}
	b.add(r)
	return nil
}

// peak is the peak memory of a command in MiB. A small process has to start it: a
// process counts what the one that it was forked from had.
func (b *bench) peak(node string, args ...string) (float64, error) {
	const script = `import resource, subprocess, sys
subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)`
	out, err := b.c.Command(b.ctx, node, append([]string{"python3", "-c", script}, args...)...).Output()
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	var kib float64
	if _, err := fmt.Sscan(string(out), &kib); err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	return kib / 1024, nil
}
