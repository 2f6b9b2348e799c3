package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// directorEvent is a line of a director task's event log.
type directorEvent struct {
	Time  int64  `json:"time"`  // seconds since 1970
	Stage string `json:"stage"` // "Updating instance"
	Task  string `json:"task"`  // "worker/436cb8d0-438d-4f34-b67e-4c8f6a5488ef (0) (canary)"
	State string `json:"state"` // "in_progress"
	Data  struct {
		Status string `json:"status"` // "executing drain"
		Error  string `json:"error"`
	} `json:"data"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"` // in the last line of a task that failed
}

// directorEvents are the event logs of the deploys after the first, as lines.
func (s *stage) directorEvents() []string {
	if s.world == nil {
		return nil
	}
	var lines []string
	for n, deploy := range s.world.deploys() {
		if n == 0 {
			continue
		}
		for line := range strings.Lines(s.world.director.Events(deploy.Task)) {
			var e directorEvent
			if json.Unmarshal([]byte(line), &e) != nil {
				e.State = line
			}
			since := time.Unix(e.Time, 0).Sub(s.line.begin).Seconds()
			what := strings.Join(strings.Fields(strings.Join([]string{e.Stage, e.Task, e.State, e.Data.Status, e.Data.Error, e.Error.Message}, " ")), " ")
			lines = append(lines, fmt.Sprintf("%4.0fs  task %d  %s", since, deploy.Task, what))
		}
	}
	return lines
}
