// Package bosh is what a BOSH director says, as data, and the errors of asking it.
// Package client asks.
package bosh

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var (
	// ErrNotFound says that the director itself knows no such task, deployment
	// or config. A 404 of something else at the URL is not ErrNotFound: it must
	// not pass for "not deployed yet".
	ErrNotFound = errors.New("not found on the director")
	// ErrUncertain says that a request may or may not have been accepted, as its
	// answer was lost; the error is an *UncertainError.
	ErrUncertain = errors.New("the director's answer was lost")
	// ErrForbidden says that the director knows the login, and that what was asked
	// is beyond its rights.
	ErrForbidden = errors.New("the director's client may not do this")
	// ErrConfigChanged says that a config was updated by someone else since it was read.
	ErrConfigChanged = errors.New("the config was changed meanwhile")
)

// codeUnauthorized is the director's code for a login that lacks a scope. The
// status is 401 then, as it is for a login that is wrong.
const codeUnauthorized = 600000

// ResponseError is an answer that refuses, or that no director gives.
type ResponseError struct {
	Method      string // "GET"
	Path        string // "/tasks/42", without the query
	Status      int    // 404
	Code        int    // the director's own code, 10000; 0 when the answer has none
	Description string // "Task 42 not found": one line, never HTML

	// What happened and what to do, for Error: "director does not let user admin do this".
	What string
}

// Error says what was asked, what came back and, where that is known, what to do.
func (e *ResponseError) Error() string {
	text := fmt.Sprintf("%s %s: %s (%d", e.Method, e.Path, e.What, e.Status)
	if e.Code != 0 {
		text += fmt.Sprintf(", code %d", e.Code)
	}
	if e.Description != "" && !strings.Contains(e.What, e.Description) {
		text += ", " + e.Description
	}
	return text + ")"
}

// Is makes errors.Is find ErrNotFound, ErrForbidden and ErrConfigChanged.
func (e *ResponseError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound && e.Code != 0
	case ErrForbidden:
		return e.Status == http.StatusForbidden || lacksScope(e.Status, e.Code)
	case ErrConfigChanged:
		return e.Status == http.StatusPreconditionFailed
	}
	return false
}

// UncertainError says that a request was, or may have been, sent and that its
// answer is not known. The director does not recognise a repeated request: who
// gets this error looks for a task with the context id before sending again.
type UncertainError struct {
	Action    string // "submit deploy"
	ContextID string // "" if the request had none
	Err       error
}

// Error implements error.
func (e *UncertainError) Error() string {
	look := "look at the director's tasks"
	if e.ContextID != "" {
		look = fmt.Sprintf("look for a task with context id %s", e.ContextID)
	}
	return fmt.Sprintf("%s: %v; the director may have accepted it all the same: %s before sending it again", e.Action, e.Err, look)
}

// Is makes errors.Is find ErrUncertain.
func (e *UncertainError) Is(target error) bool { return target == ErrUncertain }

// Unwrap implements errors.Unwrap.
func (e *UncertainError) Unwrap() error { return e.Err }

// lacksScope says whether an answer is for a login that the director knows.
func lacksScope(status, code int) bool {
	return status == http.StatusUnauthorized && code == codeUnauthorized
}
