package command

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// padding is how much white space follows an answer to Concourse: more than the pipes
	// between this process and the worker hold, which are runc's and containerd's, of
	// 64 KiB each, and the buffer of 32 KiB between them.
	//
	// A worker closes the pipes of a process once that has ended, and loses what it has
	// not read by then (concourse's worker/runtime/process.go, Process.Wait; containerd's
	// cio, Cancel): the build is errored by "unexpected end of JSON input", also a put
	// whose deploy runs. Behind the padding this process can end only when the answer was
	// read, and white space is all that can be lost.
	padding = 256 << 10
	// paddingTimeout is how long the worker may take to read it.
	paddingTimeout = 10 * time.Second
)

// pad writes the padding, to anything but a terminal. It is of carriage returns, which
// people do not see who call this by hand in a container. A reader may stop behind the
// answer: it is not waited for without end, and its closed pipe raises no SIGPIPE.
func pad(ctx context.Context, w io.Writer) {
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return
		}
	}
	signal.Ignore(syscall.SIGPIPE) // nothing comes after this but the end of the process
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = w.Write(bytes.Repeat([]byte("\r"), padding))
	}()
	select {
	case <-done:
	case <-ctx.Done():
	case <-time.After(paddingTimeout):
	}
}
