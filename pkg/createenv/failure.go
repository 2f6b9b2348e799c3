package createenv

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	bosherr "github.com/cloudfoundry/bosh-utils/errors"
	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// longestReason is how much of a failed program's output an error repeats.
const longestReason = 2000

// innermost walks bosh-utils' chain of causes, which has no Unwrap.
func innermost(err error) error {
	for {
		e, ok := err.(bosherr.ComplexError) //nolint:errorlint // its chain has no Unwrap
		if !ok {
			return err
		}
		err = e.Cause
	}
}

// explain is what went wrong in one clause: the cause without the chain.
func explain(err error) string {
	inner := innermost(err)
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

// wrap is the error that a caller sees: the step, the cause, what exists and what
// to do. Secrets among the variables are masked in it.
func (s *session) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	out := &failure{}
	inner := innermost(err)
	text := explain(err)
	for _, known := range []error{ErrState, ErrProgram, ErrBusy} {
		if errors.Is(inner, known) {
			out.is = append(out.is, known)
		}
	}
	stop := stopped(s.ctx)
	switch broken := s.documents.failure(); {
	case broken != nil:
		text, out.is = broken.Error(), append(out.is, broken)
	case stop != nil:
		// Whatever else failed, failed because nothing may begin any more.
		text, out.is = stop.Error(), append(out.is, stop)
		if s.cpi.left != "" {
			text += fmt.Sprintf(": the CPI's %s goes on by itself; the next run takes over what it made", s.cpi.left)
		}
	case s.failed != "":
		text = s.failed + ": " + text
	}
	out.text = s.mask(fmt.Sprintf("%s: %s; %s", doing, text, s.remains()))
	return out
}

// failure is an error whose text has been masked; it says what it is of ours.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }

// remains says what is there, for the end of an error.
func (s *session) remains() string {
	var parts []string
	state, _ := clone(s.ledger.state)
	_, _ = reconcile(s.cpi.journal, &state, s.uuids) // with what was made and could not be recorded
	if r := result(state); r.VM != "" {
		parts = append(parts, "VM "+r.VM)
	}
	for _, d := range state.Disks {
		parts = append(parts, "disk "+d.CID)
	}
	for _, c := range state.Stemcells {
		parts = append(parts, "stemcell "+c.CID)
	}
	text := "nothing was created"
	if s.cpi.left != "" {
		text = "nothing else was created"
	}
	if len(parts) > 0 {
		text = "there is " + strings.Join(parts, ", ")
		if s.documents.failure() != nil {
			text += ", which may not be recorded"
		}
	}
	for _, c := range s.cpi.journal.Calls {
		if c.Outcome == lost && creates(c.Method) {
			text += fmt.Sprintf("; the CPI gave no answer: look for %s and delete it", c)
		}
	}
	return text + "; run again to go on"
}

// mask hides the secrets among the variables.
func (s *session) mask(text string) string { return s.masker.Mask(text) }

// telling are parts of variables' names that tell a secret.
var telling = []string{"password", "secret", "token", "private", "key", "credential"}

// secretsOf are the values that the variables' names tell to be secret.
func secretsOf(vars map[string]any) []secret.Value {
	var out []secret.Value
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(name+"/"+k, inner)
			}
		case map[any]any:
			for k, inner := range v {
				walk(fmt.Sprintf("%s/%v", name, k), inner)
			}
		case []any:
			for _, inner := range v {
				walk(name, inner)
			}
		case string:
			for _, t := range telling {
				if strings.Contains(strings.ToLower(name), t) {
					out = append(out, secret.New(v))
					return
				}
			}
		case secret.Value:
			out = append(out, v)
		}
	}
	for k, v := range vars {
		walk(k, v)
	}
	return out
}

// plain turns the variables into what bosh-cli's templates know, and reveals
// secret values: from here on they are in memory and in the rendered CPI job.
func plain(value any) any {
	switch v := value.(type) {
	case secret.Value:
		return v.Reveal()
	case map[string]any:
		out := map[any]any{}
		for k, inner := range v {
			out[k] = plain(inner)
		}
		return out
	case map[any]any:
		out := map[any]any{}
		for k, inner := range v {
			out[k] = plain(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = plain(inner)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = inner
		}
		return out
	case json.Number:
		return v.String()
	}
	return value
}
