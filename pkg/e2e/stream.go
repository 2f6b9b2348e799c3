package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/concourse/concourse/atc"
	"github.com/concourse/concourse/atc/event"
)

// listen reads a build's events to their end. A stream that breaks, because the
// web restarts, is opened again, and what was heard before is passed over. So is
// one that ends without a status: Concourse calls a check complete a moment before
// it writes that event.
func (r *recorder) listen(ctx context.Context, b *build) {
	for ctx.Err() == nil {
		err := r.read(ctx, b)
		if errors.Is(err, io.EOF) && r.isOver(b) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// isOver tells whether nothing more is to come of a build: it has its last status, or
// it is a check whose events Concourse drops, because a later one has taken its place.
func (r *recorder) isOver(b *build) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !b.ended.IsZero() {
		return true
	}
	for _, other := range r.builds {
		if b.ResourceName != "" && other.ResourceName == b.ResourceName && other.ID > b.ID {
			return true
		}
	}
	return false
}

// read opens the stream and reads it; io.EOF is the end of the build.
func (r *recorder) read(ctx context.Context, b *build) error {
	_, client, err := r.api.login(ctx)
	if err != nil {
		return err
	}
	stream, err := client.BuildEvents(strconv.Itoa(b.ID))
	if err != nil {
		return err
	}
	closed := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer func() {
		closed()
		_ = stream.Close()
	}()
	for n := 0; ; n++ {
		e, err := stream.NextEvent()
		if err != nil {
			return err
		}
		if n >= len(b.events) { // written by this goroutine alone
			r.hear(b, e)
		}
	}
}

func (r *recorder) hear(b *build, e atc.Event) {
	raw, err := json.Marshal(e)
	if err != nil {
		raw = []byte(err.Error())
	}
	text := b.describe(e)
	if status, ok := e.(event.Status); ok && status.Status == atc.StatusFailed && b.JobName == "" {
		text += ": " + tail(b.log(), 300)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b.events = append(b.events, heard{time.Now(), e, string(raw)})
	switch e := e.(type) {
	case event.SelectedWorker:
		b.worker = append(b.worker, r.site.slot(e.WorkerName))
		text = "selected " + r.site.slot(e.WorkerName)
	case event.Status:
		if b.Status = e.Status; !b.IsRunning() {
			b.ended = time.Now()
		}
		if b.lostEnd(r.marks) {
			text += ": it has ended, and Concourse has lost its exit status"
		}
	}
	_, status := e.(event.Status)
	_, failed := e.(event.Error)
	if text != "" && (b.JobName != "" || status || failed) {
		r.site.line.add(b.name(), "%s", text)
	}
}

// colours are what Concourse writes into logs for terminals.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// firstWait is what a build of another team prints when it begins to wait.
const firstWait = "waiting for 1 s"

// describe says an event for the timeline; "" where it tells people nothing.
func (b *build) describe(e atc.Event) string {
	switch e := e.(type) {
	case event.WaitingForWorker:
		return "waits for a worker"
	case event.Log:
		text := strings.TrimSpace(colours.ReplaceAllString(e.Payload, ""))
		if text == "INFO: found existing resource cache" || strings.HasPrefix(text, "waiting for ") && text != firstWait {
			return ""
		}
		return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 26))
	case event.Error:
		return "error: " + e.Message
	case event.FinishPut:
		return "put ended: " + versionText(e.CreatedVersion)
	case event.FinishGet:
		return "get ended: " + versionText(e.FetchedVersion)
	case event.Status:
		return "build " + string(e.Status)
	}
	return ""
}

func versionText(v atc.Version) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// log is what the build's steps printed, and its errors.
func (b *build) log() string {
	var text strings.Builder
	for _, h := range b.events {
		switch e := h.event.(type) {
		case event.Log:
			text.WriteString(e.Payload)
		case event.Error:
			text.WriteString(e.Message + "\n")
		}
	}
	return text.String()
}

// put is the version that the build's put gave, nil without one.
func (b *build) put() atc.Version {
	for _, h := range b.events {
		if e, ok := h.event.(event.FinishPut); ok {
			return e.CreatedVersion
		}
	}
	return nil
}

// got is the version that the build's last get fetched, nil without one.
func (b *build) got() atc.Version {
	var version atc.Version
	for _, h := range b.events {
		if e, ok := h.event.(event.FinishGet); ok && e.FetchedVersion != nil {
			version = e.FetchedVersion
		}
	}
	return version
}
