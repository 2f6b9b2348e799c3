package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// Options say what is measured.
type Options struct {
	Program string   // path of the resource's program
	Others  []string // more binaries whose sizes are told
	Out     io.Writer
	Runs    int // of each quick case; default 20
}

// The worlds that are asked: as many versions as the field's measurements had.
const (
	releaseVersions  = 116
	stemcellVersions = 200
	fileSize         = 300 << 20
)

// bench is one run of all cases.
type bench struct {
	options Options
	world   *world.World
	dir     string
	table   *tabwriter.Writer
}

// Run measures every case. It fails when a case does not do what it is measured for.
func Run(ctx context.Context, o Options) error {
	if o.Runs == 0 {
		o.Runs = 20
	}
	w, err := world.Start(ctx, world.Options{Scale: 0.001, ReleaseSize: 14700})
	if err != nil {
		return fmt.Errorf("start the simulators: %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return errors.Join(err, w.Close())
	}
	b := &bench{options: o, world: w, dir: dir, table: tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)}
	_, _ = fmt.Fprintln(b.table, "case\twall ms\tuser+sys ms\tmemory MB\trequests")
	err = b.all(ctx)
	return errors.Join(err, b.table.Flush(), w.Close(), os.RemoveAll(dir))
}

func (b *bench) all(ctx context.Context) error {
	b.publish()
	for _, part := range []func(context.Context) error{b.startUp, b.checks, b.out, b.downloads} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return b.sizes()
}

// row measures a case and counts the requests of one run.
func (b *bench) row(ctx context.Context, label string, c command, runs int) error {
	before := b.requests()
	result, err := measure(ctx, c, runs)
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	requests := float64(b.requests()-before) / float64(runs+1)
	_, err = fmt.Fprintf(b.table, "%s\t%7.1f\t%11.1f\t%9.1f\t%8.0f\n",
		label, ms(result.wall), ms(result.cpu), float64(result.memory)/1e6, requests)
	return err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// requests that all servers have seen.
func (b *bench) requests() int {
	total := 0
	for _, script := range b.world.Faults {
		total += len(script.Seen())
	}
	return total
}

// publish makes histories of known sizes.
func (b *bench) publish() {
	now := time.Now()
	for i := range releaseVersions {
		b.world.BoshIO.AddRelease(boshio.Release{Repository: "github.com/bench/release", Version: fmt.Sprintf("1.%d.0", i), Published: now})
	}
	for i := range stemcellVersions {
		b.world.BoshIO.AddStemcell(boshio.Stemcell{Name: "bench-stemcell", Version: fmt.Sprintf("1.%d", i), Light: true, Published: now})
	}
	for name, count := range map[string]int{"bench/hundred": 100, "bench/thousand": 1000} {
		list := make([]github.Release, count)
		for i := range list {
			list[i] = github.Release{Tag: fmt.Sprintf("v1.%d.0", i), CreatedAt: now.Add(time.Duration(i) * time.Minute)}
		}
		b.world.GitHub.Publish(name, list...)
	}
	b.world.BoshIO.AddRelease(boshio.Release{Repository: "github.com/bench/large", Version: "1.0.0", Padding: fileSize, Published: now})
}

func (b *bench) startUp(ctx context.Context) error {
	return b.row(ctx, "start-up, malformed stdin", command{name: b.options.Program, args: []string{"check"}, stdin: "{", fails: true}, b.options.Runs)
}

// checks measures each kind of upstream, and all together, over TLS.
func (b *bench) checks(ctx context.Context) error {
	release := map[string]any{"release": "github.com/bench/release"}
	stemcell := map[string]any{"stemcell": "bench-stemcell"}
	hundred := map[string]any{"github": "bench/hundred"}
	for _, c := range []struct {
		label string
		watch map[string]any
	}{
		{"check, release with 116 versions", map[string]any{"release": release}},
		{"check, stemcell with 200 versions", map[string]any{"stemcell": stemcell}},
		{"check, GitHub repository with 100 releases", map[string]any{"program": hundred}},
		{"check, GitHub repository with 1000 releases", map[string]any{"program": map[string]any{"github": "bench/thousand"}}},
		{"check, release + stemcell + 100 releases of GitHub", map[string]any{"release": release, "stemcell": stemcell, "program": hundred}},
	} {
		request := map[string]any{"source": b.source(c.watch)}
		if err := b.row(ctx, c.label, command{name: b.options.Program, args: []string{"check"}, stdin: request}, b.options.Runs); err != nil {
			return err
		}
	}
	return nil
}

// source watches over TLS.
func (b *bench) source(watch map[string]any) map[string]any {
	return map[string]any{
		"watch":   watch,
		"github":  map[string]any{"url": b.world.URLs["github"] + "/api/v3", "ca_cert": b.world.CA},
		"bosh_io": map[string]any{"url": b.world.URLs["boshio-tls"], "ca_cert": b.world.CA},
	}
}

// downloads measures in with a large file, beside curl and sha256sum.
func (b *bench) downloads(ctx context.Context) error {
	const runs = 3
	target := filepath.Join(b.dir, "in")
	fresh := func() error { return os.RemoveAll(target) }
	request := map[string]any{
		"source":  b.source(map[string]any{"large": map[string]any{"release": "github.com/bench/large"}}),
		"version": map[string]string{"large": "1.0.0"}, "params": map[string]any{"download": "all"},
	}
	c := command{name: b.options.Program, args: []string{"in", target}, stdin: request, before: fresh}
	if err := b.row(ctx, "in, 300 MiB over TLS, verified by SHA-256", c, runs); err != nil {
		return err
	}
	url := b.world.URLs["boshio-tls"] + "/d/github.com/bench/large?v=1.0.0"
	ca := filepath.Join(b.dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(b.world.CA), 0o600); err != nil {
		return err
	}
	file := filepath.Join(b.dir, "curl.tgz")
	for _, other := range []struct {
		label string
		c     command
	}{
		{"curl -L of it to a file, not verified", command{name: "curl", args: []string{"-sSfL", "--cacert", ca, "-o", file, url}}},
		{"sha256sum of the file", command{name: "sha256sum", args: []string{file}}},
	} {
		if err := b.row(ctx, other.label, other.c, runs); err != nil {
			return err
		}
	}
	return nil
}

// out measures a put until the director has accepted, with nothing to upload.
func (b *bench) out(ctx context.Context) error {
	b.world.Publish(world.Set{Concourse: "8.2.4", BPM: "1.4.33", Postgres: "54.0.5", Stemcell: "1.1340", Perpetual: "1.2.0"})
	if err := b.install(ctx); err != nil {
		return err
	}
	count := 0
	request := func() map[string]any {
		count++
		return map[string]any{"source": b.world.DeploymentSource(), "params": map[string]any{
			"components": "components", "detach": true, "timeout": "1m",
			"vars":     map[string]any{"drain_timeout": fmt.Sprintf("%dm", 60+count)},
			"pipeline": map[string]any{"name": "self-upgrade"},
		}}
	}
	c := command{name: b.options.Program, args: []string{"out", b.dir}}
	c.before = func() error {
		c.stdin = request()
		return b.idle(ctx)
	}
	before := b.requests()
	var walls []time.Duration
	var memory int64
	var cpu time.Duration
	const runs = 5
	for range runs {
		wall, used, resident, err := once(ctx, withInput(&c))
		if err != nil {
			return fmt.Errorf("out: %w", err)
		}
		walls, cpu, memory = append(walls, wall), cpu+used, max(memory, resident)
	}
	_, err := fmt.Fprintf(b.table, "out, until the director has accepted\t%7.1f\t%11.1f\t%9.1f\t%8.0f\n",
		ms(median(walls)), ms(cpu/runs), float64(memory)/1e6, float64(b.requests()-before)/runs)
	return err
}

// withInput prepares the next run of a command whose stdin changes.
func withInput(c *command) command {
	prepared := *c
	prepared.before = nil
	if err := c.before(); err != nil {
		prepared.before = func() error { return err }
	}
	prepared.stdin = c.stdin
	return prepared
}

// idle waits until the director deploys nothing.
func (b *bench) idle(ctx context.Context) error { return b.world.Idle(ctx) }

// install deploys once, so that there is something to upgrade.
func (b *bench) install(ctx context.Context) error {
	var versions []player.Version
	source := b.world.ComponentsSource()
	check := player.Process{Verb: "check", Stdin: map[string]any{"source": source}, Stderr: io.Discard}
	if err := player.Run(ctx, b.options.Program, check, &versions); err != nil {
		return err
	}
	var result player.Result
	in := player.Process{
		Verb: "in", Stdin: map[string]any{"source": source, "version": versions[0]},
		Dir: filepath.Join(b.dir, "components"), Stderr: io.Discard,
	}
	if err := player.Run(ctx, b.options.Program, in, &result); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "cloud.yml"), []byte(world.CloudConfig), 0o600); err != nil {
		return err
	}
	out := player.Process{Verb: "out", Dir: b.dir, Stderr: io.Discard, Stdin: map[string]any{
		"source": b.world.DeploymentSource(), "params": map[string]any{
			"components": "components", "cloud_config": "cloud.yml", "vars": b.world.ManifestVars(), "detach": false,
			"pipeline": map[string]any{"name": "self-upgrade", "vars": b.world.PipelineVars()},
		}}}
	return player.Run(ctx, b.options.Program, out, &result)
}

// sizes tells how large the binaries are, as they are and compressed.
func (b *bench) sizes() error {
	if err := b.table.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(b.options.Out, "\n%10s %12s  binary\n", "MB", "gzip MB")
	for _, path := range append([]string{b.options.Program}, b.options.Others...) {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(text); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(b.options.Out, "%10.1f %12.1f  %s\n", float64(len(text))/1e6, float64(packed.Len())/1e6, filepath.Base(path))
	}
	return nil
}
