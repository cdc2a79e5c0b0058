package stdio

import (
	"os"
	"os/exec"
)

// Pipes gives a command that has not been started three pipes. Once it has
// been, or could not be, started closes the command's ends; the others are in
// the Process, which lacks Wait and Kill.
func Pipes(cmd *exec.Cmd) (p Process, started func(), err error) {
	var theirs, ours []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	stdin, toStdin := pipe()
	fromStdout, stdout := pipe()
	fromStderr, stderr := pipe()
	theirs, ours = []*os.File{stdin, stdout, stderr}, []*os.File{toStdin, fromStdout, fromStderr}
	if err != nil {
		closeAll(theirs) // closing a nil file is only an error
		closeAll(ours)
		return Process{}, nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return Process{Stdin: toStdin, Stdout: fromStdout, Stderr: fromStderr}, func() { closeAll(theirs) }, nil
}
