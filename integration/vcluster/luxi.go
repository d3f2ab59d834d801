package vcluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// endOfMessage ends each message of the LUXI protocol.
const endOfMessage = 0x03

// Call makes one call of the LUXI protocol on a connection of its own and
// returns the result. It is kept simple and apart from any client library, so
// that it can judge one.
func (c *Cluster) Call(ctx context.Context, method string, args ...interface{}) (json.RawMessage, error) {
	if !c.enter() {
		return nil, errClosed
	}
	defer c.leave()
	result, err := c.call(ctx, method, args)
	if err != nil {
		return nil, fmt.Errorf("vcluster: luxi %s: %w", method, err)
	}
	return result, nil
}

func (c *Cluster) call(ctx context.Context, method string, args []interface{}) (json.RawMessage, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.Socket())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// The end of the context ends whatever the connection does.
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-ctx.Done():
			_ = conn.SetDeadline(time.Unix(1, 0))
		case <-stop:
		}
	}()

	if args == nil {
		args = []interface{}{}
	}
	request, err := json.Marshal(map[string]interface{}{"method": method, "args": args})
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(append(request, endOfMessage))
	var answer []byte
	if err == nil {
		answer, err = bufio.NewReader(conn).ReadBytes(endOfMessage)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	var message struct {
		Success bool            `json:"success"`
		Result  json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(answer[:len(answer)-1], &message); err != nil {
		return nil, err
	}
	if !message.Success {
		return nil, fmt.Errorf("refused: %s", message.Result)
	}
	return message.Result, nil
}

// Query returns the values of fields of all items of a kind ("instance",
// "node", "group", "job", "filter", "lock"), one row each, that the filter
// selects; a nil filter selects all. A value that is not available is null.
func (c *Cluster) Query(ctx context.Context, kind string, fields []string, filter interface{}) ([][]json.RawMessage, error) {
	result, err := c.Call(ctx, "Query", kind, fields, filter)
	if err != nil {
		return nil, err
	}
	var table struct {
		Data [][][2]json.RawMessage `json:"data"` // pairs of status and value
	}
	if err := json.Unmarshal(result, &table); err != nil {
		return nil, fmt.Errorf("vcluster: query %s: %w", kind, err)
	}
	rows := make([][]json.RawMessage, len(table.Data))
	for i, row := range table.Data {
		for _, cell := range row {
			rows[i] = append(rows[i], cell[1])
		}
	}
	return rows, nil
}

// unpack decodes the values of a row.
func unpack(row []json.RawMessage, into ...interface{}) error {
	if len(row) != len(into) {
		return fmt.Errorf("vcluster: %d values for %d fields", len(row), len(into))
	}
	for i := range row {
		if err := json.Unmarshal(row[i], into[i]); err != nil {
			return fmt.Errorf("vcluster: decode %s: %w", row[i], err)
		}
	}
	return nil
}
