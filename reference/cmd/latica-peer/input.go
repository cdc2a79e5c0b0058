package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxInput is how long a message is at most, in bytes, as peer.Limits has it.
const maxInput = 1 << 20

// An input is a message to send, or why there are no more.
type input struct {
	message []byte
	err     error
}

// readInput reads messages, one a line, or all as one, and closes inputs at the
// end. A read may be stuck where nobody writes: it is left to itself then.
func readInput(ctx context.Context, in io.Reader, whole bool, inputs chan<- input) {
	defer close(inputs)
	hand := func(i input) bool {
		select {
		case inputs <- i:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if whole {
		message, err := io.ReadAll(io.LimitReader(in, maxInput+1))
		switch {
		case err != nil:
			err = fmt.Errorf("stdin: %w", err)
		case len(message) > maxInput:
			err = fmt.Errorf("stdin has over %d bytes, the most that a message holds", maxInput)
		}
		hand(input{message, err})
		return
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxInput+2) // with its end
	number, tooLong := 0, false
	for lines.Scan() {
		number++
		if tooLong = len(lines.Bytes()) > maxInput; tooLong {
			break
		}
		if !hand(input{message: append([]byte{}, lines.Bytes()...)}) {
			return
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		number++
		fallthrough
	case tooLong:
		hand(input{err: fmt.Errorf("stdin, line %d: it has over %d bytes, the most that a message holds", number, maxInput)})
	case err != nil:
		hand(input{err: fmt.Errorf("stdin: %w", err)})
	}
}
