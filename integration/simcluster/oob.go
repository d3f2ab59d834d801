package simcluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"ganeti-autorepair/integration/nodesim"
	"ganeti-autorepair/integration/vcluster"
)

// OOBProgram is the out-of-band program on the master, which switches simulated
// nodes on and off. Fleet.SetOOB says how it behaves.
const OOBProgram = standInDir + "/oob"

// oobAddress is the address at which the program reaches the simulator.
const oobAddress = "198.18.255.254:1812"

// oobScript is the program. It sends the line "COMMAND NODE" and receives a line with
// its exit code, and then its output.
const oobScript = `#!/bin/bash
exec 3<>/dev/tcp/198.18.255.254/1812 || exit 1
echo "$1 $2" >&3
read -r code <&3 || exit 1
cat <&3
exit "$code"
`

// ConfigureOOB makes OOBProgram the out-of-band program (node parameter oob_program)
// of the given nodes, or, with none, of the cluster.
func (c *Cluster) ConfigureOOB(ctx context.Context, nodes ...string) error {
	params := map[string]interface{}{"oob_program": OOBProgram}
	ops := []vcluster.Opcode{{"OP_ID": "OP_CLUSTER_SET_PARAMS", "ndparams": params}}
	if len(nodes) > 0 {
		ops = nil
	}
	for _, node := range nodes {
		ops = append(ops, vcluster.Opcode{"OP_ID": "OP_NODE_SET_PARAMS", "node_name": node, "ndparams": params})
	}
	if _, err := c.RunJobs(ctx, ops); err != nil {
		return fmt.Errorf("simcluster: configure out-of-band program: %w", err)
	}
	return nil
}

// serveOOB executes the commands of the program until the listener is closed.
func serveOOB(l net.Listener, fleet *nodesim.Fleet) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			answerOOB(conn, fleet)
		}()
	}
}

// answerOOB executes one command.
func answerOOB(conn net.Conn, fleet *nodesim.Fleet) {
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		// The program sends nothing more. The connection ends when the program does.
		_, _ = io.Copy(io.Discard, reader)
		cancel()
	}()
	command, node, _ := strings.Cut(strings.TrimSpace(line), " ")
	out, err := fleet.RunOOB(ctx, command, node)
	if err != nil {
		fmt.Fprintf(conn, "1\n%v\n", err)
		return
	}
	fmt.Fprintf(conn, "0\n%s", out)
}
