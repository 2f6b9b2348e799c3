package step_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

var errBroken = errors.New("the connection broke")

// journal is what a runner does, in order.
type journal struct{ lines []string }

func (j *journal) add(line string)        { j.lines = append(j.lines, line) }
func (j *journal) Begin(name string)      { j.add("begin " + name) }
func (j *journal) Note(name, line string) { j.add(name + ": " + line) }
func (j *journal) Warn(line string)       { j.add("warning: " + line) }
func (j *journal) End(n string, o step.Outcome) {
	j.add("end " + n + ": " + string(o.Status) + ", " + o.Report + ", " + o.Took.String())
}

// runner has a clock by which a second passes at each look. It cannot remember the step
// "forgotten".
func (j *journal) runner() step.Runner {
	now := time.Unix(0, 0)
	return step.Runner{
		Progress: j, Now: func() time.Time { now = now.Add(time.Second); return now },
		Remember: func(_ context.Context, name string, o step.Outcome) error {
			if j.add("remember " + name + ": " + string(o.Status)); name == "forgotten" {
				return errBroken
			}
			return nil
		},
	}
}

// acts is a step that reports, or fails.
func acts(name string, err error) step.Step {
	return step.Step{Name: name, Converge: func(context.Context) (step.Outcome, error) {
		if err != nil {
			return step.Outcome{}, err
		}
		return step.Changed.Report("made")
	}}
}

func TestRunner_stopsAtTheFirstStepThatFails(t *testing.T) {
	first := []string{"begin one", "remember one: changed", "end one: changed, made, 1s"}
	for name, of := range map[string]struct {
		second step.Step
		lines  []string
	}{
		"it fails":               {acts("two", errBroken), []string{"begin two", "end two: failed, the connection broke, 1s"}},
		"it is not written down": {acts("forgotten", nil), []string{"begin forgotten", "remember forgotten: changed", "end forgotten: failed, the connection broke, 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			done, err := j.runner().Do(t.Context(), []step.Step{acts("one", nil), of.second, acts("three", nil)})
			var at *step.Error
			if !errors.As(err, &at) || at.Step != of.second.Name || !errors.Is(err, errBroken) {
				t.Errorf("it ends with %v", err)
			}
			if len(done) != 1 || done[0].Step != "one" || done[0].Status != step.Changed {
				t.Errorf("it has done %+v", done)
			}
			if want := slices.Concat(first, of.lines); !slices.Equal(j.lines, want) {
				t.Errorf("got  %q\nwant %q", j.lines, want)
			}
		})
	}
}

func TestRunner_beginsNothingOnceTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var j journal
	done, err := j.runner().Do(ctx, []step.Step{
		{Name: "one", Converge: func(context.Context) (step.Outcome, error) {
			cancel(errBroken)
			return step.UpToDate.Report("fine")
		}},
		acts("two", nil),
	})
	var at *step.Error
	if !errors.As(err, &at) || at.Step != "two" || !errors.Is(err, errBroken) || len(done) != 1 || slices.Contains(j.lines, "begin two") {
		t.Errorf("it ends with %v after %q", err, j.lines)
	}
}

func TestRunner_foreseesWithoutActing(t *testing.T) {
	for name, of := range map[string]struct {
		compare, drop error
		quiet         bool
		lines         []string
	}{
		"what differs":        {nil, nil, false, []string{"begin one", "drop", "end one: changed, would change, 1s"}},
		"in silence":          {nil, nil, true, []string{"drop"}},
		"that is not known":   {errBroken, nil, false, []string{"begin one", "end one: failed, the connection broke, 1s"}},
		"and leaves a change": {nil, errBroken, false, []string{"begin one", "drop", "end one: failed, the connection broke, 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			planned, err := j.runner().Foresee(t.Context(), step.Step{Name: "one", Quiet: of.quiet, Compare: func(context.Context) (step.Comparison, error) {
				c := step.Differs("would change", "~ a")
				c.Act = func(context.Context) (step.Outcome, error) { j.add("act"); return step.Outcome{}, nil }
				c.Drop = func(context.Context) error { j.add("drop"); return of.drop }
				return c, of.compare
			}})
			fails := of.compare != nil || of.drop != nil
			if errors.Is(err, errBroken) != fails || !fails && (err != nil || planned.Step != "one" || !planned.Changes || len(planned.Lines) != 1) {
				t.Errorf("it gives %+v, %v", planned, err)
			}
			if !slices.Equal(j.lines, of.lines) {
				t.Errorf("got  %q\nwant %q", j.lines, of.lines)
			}
		})
	}
}
