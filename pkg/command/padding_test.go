package command

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// What the pipes hold may be lost when the process ends, and must not be the answer.
func TestPad_isMoreThanPipesHold(t *testing.T) {
	const pipes = 64<<10 + 32<<10 + 64<<10
	var out bytes.Buffer
	if pad(t.Context(), &out); out.Len() <= pipes || len(bytes.TrimSpace(out.Bytes())) > 0 {
		t.Errorf("%d bytes, want more than %d of white space", out.Len(), pipes)
	}
}

func TestPad_waitsForNobodyForEver(t *testing.T) {
	for name, c := range map[string]struct {
		deadline, want time.Duration
	}{
		"nobody reads": {time.Hour, paddingTimeout},
		"a signal":     {time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				r, w := io.Pipe()
				begun := time.Now()
				pad(ctx, w)
				if took := time.Since(begun); took != c.want {
					t.Errorf("it took %s, want %s", took, c.want)
				}
				_ = r.Close()
			})
		})
	}
}
