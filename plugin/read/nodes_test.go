package read_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/internal/simtest"
	"ganeti-autorepair/plugin/read"
)

// A node that hangs takes nothing from what the others say (C5).
func TestAskNodes(t *testing.T) {
	broken := errors.New("broken")
	for _, row := range []struct {
		name  string
		nodes []string
		hang  string
		fails string
		want  []string // the calls' answers
		calls int
		err   error
	}{
		{name: "all answer", nodes: []string{"a", "b"}, want: []string{"[a b]"}, calls: 1},
		{name: "one hangs", nodes: []string{"a", "b", "c"}, hang: "b", want: []string{"[a]", "[c]"}, calls: 4},
		{name: "the only one hangs", nodes: []string{"b"}, hang: "b", calls: 1},
		{name: "an error", nodes: []string{"a", "b"}, fails: "b", calls: 1, err: broken},
		{name: "one hangs, another fails", nodes: []string{"b", "c"}, hang: "b", fails: "c", calls: 3, err: broken},
	} {
		calls := make(chan string, 10)
		tables, err := read.AskNodesWithin(simtest.Background, time.Millisecond, row.nodes, func(ctx context.Context, nodes []string) (*luxi.Table, error) {
			calls <- fmt.Sprint(nodes)
			for _, node := range nodes {
				if node == row.hang {
					<-ctx.Done()
					return nil, fmt.Errorf("call: %w", ctx.Err())
				}
			}
			for _, node := range nodes {
				if node == row.fails {
					return nil, broken
				}
			}
			return &luxi.Table{Fields: []luxi.Field{{Name: fmt.Sprint(nodes)}}}, nil
		})
		var got []string
		for _, table := range tables {
			got = append(got, table.Fields[0].Name)
		}
		if !reflect.DeepEqual(got, row.want) || !errors.Is(err, row.err) || len(calls) != row.calls {
			t.Errorf("%s: %q, %v after %d calls; want %q, %v after %d", row.name, got, err, len(calls), row.want, row.err, row.calls)
		}
	}
}

// The end of the pass is not a node that hangs.
func TestAskNodesOutOfTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(simtest.Background, time.Millisecond)
	defer cancel()
	calls := 0
	_, err := read.AskNodes(ctx, []string{"a", "b"}, func(context.Context, []string) (*luxi.Table, error) {
		calls++
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}
