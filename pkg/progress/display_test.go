package progress_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/progress"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// clock goes on when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// install plays a first install that fails at the end.
func install(d *progress.Display, c *clock) {
	d.Begin("account")
	d.End("account", step.Outcome{Status: step.UpToDate, Report: "123456789012 in eu-central-1"})
	d.Begin("infrastructure")
	c.pass(12 * time.Second)
	d.Note("infrastructure", "creating Vpc (AWS::EC2::VPC)")
	c.pass(2 * time.Minute)
	d.Note("infrastructure", "creating Database\n(AWS::RDS::DBInstance), which\x1b[31m takes \x07long")
	c.pass(time.Minute)
	d.Warn("asking AWS again in 2s: it is busy")
	d.End("infrastructure", step.Outcome{Status: step.Changed, Report: "stack perpetual-ci: created, 34 resources", Took: 3*time.Minute + 12*time.Second})
	d.Note("infrastructure", "  told late")
	d.Note("verify", "+   indented")
	d.Note("verify", " ")
	d.Begin("pipeline")
	d.End("pipeline", step.Outcome{Status: step.Skipped, Report: "no Concourse is given"})
	d.Begin("verify")
	d.End("verify", step.Outcome{Status: step.UpToDate})
	d.Begin("director")
	c.pass(500 * time.Millisecond)
	d.End("director", step.Outcome{Status: step.Failed, Report: "create the VM: quota exceeded", Took: 500 * time.Millisecond})
	d.Close()
	d.Fail("director: create the VM: quota exceeded")
}

func TestDisplay_showsAnInstall(t *testing.T) {
	for name, o := range map[string]progress.Options{
		"plain":       {},
		"plain-quiet": {Quiet: true},
		"plain-brief": {Brief: true},
		"live-brief":  {Format: progress.Live, Brief: true},
		"json":        {Format: progress.JSON},
		"live":        {Format: progress.Live},
		"live-color":  {Format: progress.Live, Color: true},
		"live-quiet":  {Format: progress.Live, Quiet: true},
		"live-narrow": {Format: progress.Live, Width: func() int { return 36 }},
		"live-tiny":   {Format: progress.Live, Width: func() int { return 5 }},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := newClock()
			o.Out, o.Now, o.Ticks = &out, c.Now, make(chan time.Time)
			install(progress.New(o), c)
			testkit.Golden(t, "testdata/"+name+".golden", readable(out.String()))
		})
	}
}

// readable shows control sequences.
func readable(text string) string {
	return strings.NewReplacer("\x1b", "<ESC>", "\r", "<CR>\n", "\x07", "<BEL>").Replace(text)
}

func TestLive_noLineIsWiderThanTheTerminal(t *testing.T) {
	for width := 1; width < 60; width++ {
		var out bytes.Buffer
		c := newClock()
		d := progress.New(progress.Options{
			Out: &out, Format: progress.Live, Now: c.Now, Ticks: make(chan time.Time), Width: func() int { return width },
		})
		d.Begin("infrastructure")
		c.pass(3 * time.Hour)
		d.Note("infrastructure", strings.Repeat("é", 100))
		for _, frame := range strings.Split(out.String(), "\r") {
			frame = strings.TrimPrefix(frame, "\x1b[J")
			// A terminal narrower than an elapsed time is none.
			if n := len([]rune(frame)); n > max(width, len("3h0m0s")) {
				t.Errorf("width %d: %d columns in %q", width, n, frame)
			}
		}
		d.Close()
	}
}

func TestLive_elapsedTimeGoesOnWithoutNotes(t *testing.T) {
	var out bytes.Buffer
	c, ticks := newClock(), make(chan time.Time)
	d := progress.New(progress.Options{Out: &out, Format: progress.Live, Now: c.Now, Ticks: ticks})
	d.Begin("director")
	c.pass(90 * time.Second)
	ticks <- c.Now()
	ticks <- c.Now() // is taken when the first has been drawn
	d.Close()
	if !strings.Contains(out.String(), "1m30s") {
		t.Errorf("no elapsed time in %q", out.String())
	}
}

func TestLive_showsStepsThatRunTogether(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	d := progress.New(progress.Options{Out: &out, Format: progress.Live, Now: c.Now, Ticks: make(chan time.Time)})
	d.Begin("stemcell")
	d.Begin("releases")
	d.End("stemcell", step.Outcome{Status: step.Changed, Report: "uploaded"})
	d.End("releases", step.Outcome{Status: step.Changed, Report: "uploaded"})
	d.Close()
	testkit.Golden(t, "testdata/live-together.golden", readable(out.String()))
}

func TestLive_isNotHeldBackByAMaskingWriter(t *testing.T) {
	var out bytes.Buffer
	w := secret.NewWriter(&out, secret.New("s3cr3t-of-some-length"))
	c := newClock()
	d := progress.New(progress.Options{Out: w, Format: progress.Live, Now: c.Now, Ticks: make(chan time.Time)})
	d.Begin("director")
	d.Note("director", "with s3cr3t-of-some-length as password, in s")
	if !strings.HasSuffix(out.String(), "0s\r") || !strings.Contains(out.String(), secret.Redacted) {
		t.Errorf("seen so far: %q", out.String())
	}
	d.Close()
}

func TestJSON_everyLineIsAnEvent(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	install(progress.New(progress.Options{Out: &out, Format: progress.JSON, Now: c.Now}), c)
	kinds := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var e progress.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		kinds[e.Event]++
	}
	want := map[string]int{"begin": 5, "note": 4, "end": 5, "warning": 1, "error": 1}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestDisplay_isSafeForSeveralGoroutines(t *testing.T) {
	var out bytes.Buffer
	d := progress.New(progress.Options{Out: &out, Format: progress.Live})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("step-%d", i)
			d.Begin(name)
			for range 20 {
				d.Note(name, "note")
				d.Say("said")
			}
			d.End(name, step.Outcome{Status: step.Changed, Report: "ended"})
		})
	}
	all.Wait()
	d.Close()
	d.Note("step-1", "late")
	d.Close()
	if n := strings.Count(out.String(), "ended\n"); n != 8 {
		t.Errorf("%d ends, want 8", n)
	}
	if strings.Contains(out.String(), "late") {
		t.Error("shown after Close")
	}
}
