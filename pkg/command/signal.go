package command

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// SignalError is the cause of a context that a signal has ended.
type SignalError struct{ Signal syscall.Signal }

// Error implements error.
func (e *SignalError) Error() string { return name(e.Signal) + " received" }

// Is makes it the cancellation that a context's end is.
func (e *SignalError) Is(target error) bool { return target == context.Canceled }

// name is what a signal is called where people send it.
func name(s syscall.Signal) string {
	switch s {
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	}
	return s.String()
}

// WithSignals derives a context that ends, with a *SignalError as its cause, at
// the first SIGINT or SIGTERM. A second one ends the process at once, as if
// nobody listened. stop ends the listening.
func WithSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-heard:
			signal.Stop(heard)
			if s, ok := s.(syscall.Signal); ok {
				cancel(&SignalError{s})
			}
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(heard)
		cancel(context.Canceled)
	}
}

// signalled is the signal that has ended ctx, if one has and err is what came of
// it: a run that had failed on its own is no less wrong for a signal.
func signalled(ctx context.Context, err error) (*SignalError, bool) {
	var got *SignalError
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return nil, false
	}
	return got, errors.As(context.Cause(ctx), &got)
}
