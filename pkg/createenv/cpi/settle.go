package cpi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
)

// lookAgain is the wait between two looks whether a CPI that a killed run has
// left behind is still at work.
const lookAgain = 200 * time.Millisecond

// Settle finds the answers of calls that the last run did not live to hear,
// and says whether there were any. It waits while a CPI is still at work, until
// ctx is done.
func Settle(ctx context.Context, j *ledger.Journal, w workspace.Workspace, notify func(string)) (changed bool, err error) {
	for i := range j.Calls {
		c := &j.Calls[i]
		if c.Outcome != ledger.Intended {
			continue
		}
		name := filepath.Join(w.Calls(), c.Call)
		if j.Workspace == w.ID {
			if err := waitFor(ctx, name, c.Method, notify); err != nil {
				return changed, err
			}
		}
		changed = true
		switch answer, err := os.ReadFile(name + workspace.AnswerSuffix); {
		case j.Workspace != w.ID:
			c.Outcome = ledger.Lost
		case err == nil && len(answer) > 0:
			c.Settle(answer)
		case exists(name + workspace.SentSuffix):
			c.Outcome = ledger.Lost
		default:
			c.Outcome = ledger.Refused // it was never sent
			c.Error = "not sent"
		}
		if c.LostCreation() {
			j.Lost = append(j.Lost, *c)
			notify(fmt.Sprintf("a run was killed on %s while the CPI made something, and the answer is lost: look for %s and delete it", j.Host, c))
		}
	}
	return changed, nil
}

// waitFor returns when no CPI writes to the answer's file any more.
func waitFor(ctx context.Context, name, method string, notify func(string)) error {
	for told := false; workspace.Running(name + workspace.AnswerSuffix); told = true {
		if !told {
			notify(fmt.Sprintf("the CPI of the run before is still at work on %s: waiting for it", method))
		}
		select {
		case <-ctx.Done():
			return cause.Stopped(ctx)
		case <-time.After(crash.Scale(lookAgain)):
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
