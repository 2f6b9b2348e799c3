// Package cause says why a run of create-env has ended: because it was told to, or what
// is at the end of bosh-cli's chain of errors.
package cause

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	bosherr "github.com/cloudfoundry/bosh-utils/errors"
	boshsys "github.com/cloudfoundry/bosh-utils/system"
)

// ErrStopped says that the context was done and the run ended at a safe point.
var ErrStopped = errors.New("stopped")

// Stopped is ErrStopped with the context's cause once ctx is done.
func Stopped(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStopped, context.Cause(ctx))
}

// longestReason is how much of a failed program's output an error repeats.
const longestReason = 2000

// Innermost walks bosh-utils' chain of causes, which has no Unwrap.
func Innermost(err error) error {
	for {
		e, ok := err.(bosherr.ComplexError) //nolint:errorlint // its chain has no Unwrap
		if !ok {
			return err
		}
		err = e.Cause
	}
}

// Of is what went wrong in one clause: the cause without the chain.
func Of(err error) string {
	inner := Innermost(err)
	var refusal bicloud.Error
	if errors.As(inner, &refusal) {
		return fmt.Sprintf("the CPI refused %s: %s (%s)", refusal.Method(), refusal.Message(), refusal.Type())
	}
	text := lower(inner.Error())
	if program, ok := execFailure(err); ok {
		text = program
	}
	if len(text) > longestReason {
		text = "…" + text[len(text)-longestReason:]
	}
	return text
}

// execFailure is what a program that failed has said, which bosh-utils holds
// beside the exit code.
func execFailure(err error) (string, bool) {
	for {
		e, ok := err.(bosherr.ComplexError) //nolint:errorlint // its chain has no Unwrap
		if !ok {
			return "", false
		}
		var run boshsys.ExecError
		if errors.As(e.Err, &run) {
			name, _, _ := strings.Cut(run.Command, " ")
			return fmt.Sprintf("run %s: %s: %s", filepath.Base(name), e.Cause, strings.TrimSpace(run.StdErr)), true
		}
		err = e.Cause
	}
}

// lower makes the first letter small unless it begins an abbreviation.
func lower(text string) string {
	if len(text) > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}
