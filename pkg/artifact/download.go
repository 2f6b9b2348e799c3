package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/retry"
)

// download is one file under way, over as many connections as it takes.
type download struct {
	fetcher *Fetcher
	file    File
	host    string
	part    *part // what is there so far; nil before the first byte
	// etag and modified say which file the part belongs to.
	etag, modified string
	total          int64 // bytes of the whole file, -1 if unknown
	kind           string
	tries          uint
	progress       *progress
}

// newDownload is a download that has not begun; the file was checked.
func newDownload(f *Fetcher, file File) *download {
	d := &download{fetcher: f, file: file, total: -1}
	if u, err := url.Parse(file.URL); err == nil {
		d.host = u.Host
	}
	d.progress = newProgress(f, name(file))
	return d
}

// run downloads, verifies and renames. Whatever goes wrong, nothing is left behind.
func (d *download) run(ctx context.Context) error {
	defer d.discard()
	removeRemains(d.file.Path)
	var last error
	policy := d.fetcher.config.Policy
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = max(policy.First, time.Millisecond), max(policy.Max, time.Millisecond)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		d.tries++
		last = d.try(ctx)
		return struct{}{}, d.verdict(ctx, last)
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(policy.Attempts), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(_ error, pause time.Duration) {
			d.fetcher.logf("%s: %v; going on at %s in %s", name(d.file), last, bytesText(d.offset()), pause.Round(10*time.Millisecond))
		}))
	switch {
	case err == nil:
		return d.commit()
	case ctx.Err() != nil:
		return fmt.Errorf("stopped at %s: %w", d.position(), ctx.Err())
	case final(ctx, last) || d.tries == 1:
		return last
	}
	return fmt.Errorf("gave up after %d tries at %s: %w", d.tries, d.position(), last)
}

// verdict says by its type whether another try may help, and when.
func (d *download) verdict(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var status *StatusError
	if final(ctx, err) {
		return backoff.Permanent(err)
	}
	if !errors.As(err, &status) || status.RetryAfter == 0 {
		return err
	}
	deadline, bounded := ctx.Deadline()
	if status.RetryAfter > d.fetcher.config.Policy.Max || (bounded && time.Now().Add(status.RetryAfter).After(deadline)) {
		return backoff.Permanent(err)
	}
	return &backoff.RetryAfterError{Duration: status.RetryAfter}
}

// try asks once, for what is missing, and takes what comes.
func (d *download) try(ctx context.Context) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, err := d.ask(inner)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if err := d.accept(res); err != nil {
		return err
	}
	crash.Here("download-begun")
	watchdog := time.AfterFunc(d.fetcher.config.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	err = d.part.take(awake{res.Body, watchdog, d.fetcher.config.Stall}, d.limit(), d.tick)
	var disk *writeError
	switch {
	case errors.Is(context.Cause(inner), errStalled):
		return fmt.Errorf("read from %s: %w for %s", d.host, errStalled, d.fetcher.config.Stall)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &disk), errors.Is(err, errRefused):
		return err
	case err != nil:
		return fmt.Errorf("read from %s: %w (%s)", d.host, errCut, lastClause(err))
	}
	return d.whole()
}

// ask sends the request: for the rest if a part is there and still current.
func (d *download) ask(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(retry.Named(ctx, d.file.Network), http.MethodGet, d.file.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", errRefused)
	}
	if d.file.Header != nil {
		req.Header = d.file.Header.Clone()
	}
	if at := d.offset(); at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		switch { // RFC 9110, 13.1.5: a weak validator does not do here
		case d.etag != "" && !strings.HasPrefix(d.etag, "W/"):
			req.Header.Set("If-Range", d.etag)
		case d.modified != "":
			req.Header.Set("If-Range", d.modified)
		}
	}
	res, err := d.fetcher.client.Do(req)
	if err != nil {
		return nil, d.fetcher.transportError(err, d.host)
	}
	return res, nil
}

// accept checks a response's header and makes the part ready for its body.
func (d *download) accept(res *http.Response) error {
	d.kind, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case res.StatusCode == http.StatusOK:
		return d.begin(res)
	case res.StatusCode == http.StatusPartialContent && d.offset() > 0:
		start, total, ok := contentRange(res.Header.Get("Content-Range"))
		etag := res.Header.Get("ETag")
		if !ok || start != d.offset() || (total >= 0 && d.total >= 0 && total != d.total) || (etag != "" && d.etag != "" && etag != d.etag) {
			d.discard()
			return fmt.Errorf("resume from %s: %w", res.Request.URL.Host, errChanged)
		}
		if d.total < 0 {
			d.total = total
		}
		return nil
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable && d.offset() > 0:
		d.discard()
		return fmt.Errorf("resume from %s: %w", res.Request.URL.Host, errChanged)
	}
	after, asked := retry.RetryAfter(res.Header, time.Now())
	return &StatusError{Host: res.Request.URL.Host, Status: res.StatusCode, RetryAfter: after, Asked: asked}
}

// begin starts the file again with a response that holds all of it.
func (d *download) begin(res *http.Response) error {
	d.discard()
	d.total = res.ContentLength
	d.etag, d.modified = res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	if d.total >= 0 && d.file.Size > 0 && d.total != d.file.Size {
		return d.mismatch("size", count(d.file.Size), count(d.total))
	}
	if d.total > d.fetcher.config.MaxSize {
		return fmt.Errorf("%s offers %s, more than the %s that are allowed: %w",
			res.Request.URL.Host, bytesText(d.total), bytesText(d.fetcher.config.MaxSize), errRefused)
	}
	var err error
	d.part, err = newPart(d.fetcher.config.Create, d.file)
	return err
}

// whole is nil when the body that ended was the file's end.
func (d *download) whole() error {
	at := d.offset()
	switch {
	case d.total >= 0 && at < d.total, d.total < 0 && at < d.file.Size:
		return fmt.Errorf("read from %s: %w after %s", d.host, errCut, d.position())
	case d.file.Size > 0 && at != d.file.Size:
		return d.mismatch("size", count(d.file.Size), count(at))
	}
	return nil
}

// commit verifies what is there and gives it its name.
func (d *download) commit() error {
	crash.Here("download-written")
	if what, want, got := d.part.digest(d.file); want != got {
		return d.mismatch(what, want, got)
	}
	size, checked := d.offset(), d.part.checked
	if err := d.part.publish(); err != nil {
		return err
	}
	d.part = nil
	d.progress.done(size, checked)
	return nil
}

// mismatch is the error for a wrong file.
func (d *download) mismatch(what, want, got string) error {
	e := &MismatchError{What: what, Want: want, Got: got}
	if strings.HasPrefix(d.kind, "text/html") {
		e.Hint = d.host + " answered with a web page"
	}
	return e
}

// limit is the number of bytes after which a body is too long.
func (d *download) limit() int64 {
	switch {
	case d.file.Size > 0:
		return d.file.Size
	case d.total >= 0:
		return d.total
	}
	return d.fetcher.config.MaxSize
}

// tick reports progress now and then.
func (d *download) tick() { d.progress.tick(d.offset(), max(d.total, d.file.Size)) }

// offset is the number of bytes that are there.
func (d *download) offset() int64 {
	if d.part == nil {
		return 0
	}
	return d.part.written
}

// position says how far the download is.
func (d *download) position() string {
	if total := max(d.total, d.file.Size); total > 0 {
		return bytesText(d.offset()) + " of " + bytesText(total)
	}
	return bytesText(d.offset())
}

// discard removes what is there.
func (d *download) discard() {
	if d.part != nil {
		d.part.remove()
		d.part = nil
	}
}

// awake keeps the watchdog quiet while bytes come.
type awake struct {
	io.Reader
	watchdog *time.Timer
	stall    time.Duration
}

// Read implements io.Reader.
func (a awake) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.watchdog.Reset(a.stall)
	}
	return n, err
}

// contentRange reads "bytes 200-1023/1024"; total is -1 for "*".
func contentRange(text string) (start, total int64, ok bool) {
	span, size, found := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, last, dash := strings.Cut(span, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	end, endErr := strconv.ParseInt(last, 10, 64)
	total = -1
	if size != "*" {
		var sizeErr error
		if total, sizeErr = strconv.ParseInt(size, 10, 64); sizeErr != nil || end >= total {
			return 0, 0, false
		}
	}
	ok = found && dash && err == nil && endErr == nil && start >= 0 && start <= end && strings.HasPrefix(text, "bytes ")
	return start, total, ok
}

// lastClause is the innermost message of an error: what the network said.
func lastClause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
