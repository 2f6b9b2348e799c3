package aws

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// Caller is whoever has an access key. It asks over the wire with its signature, as any
// program does, and gets what the services say.
type Caller struct {
	cloud      *Cloud
	id, secret string
}

// Caller is whoever has this key.
func (c *Cloud) Caller(id, secret string) Caller { return Caller{c, id, secret} }

// Refused is how a service has refused a call.
type Refused struct {
	Status  int    // 403
	Code    string // "AccessDenied"
	Message string
}

// Error implements error.
func (r *Refused) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Message) }

// Denied says whether an error is IAM's refusal: the caller is known, and may not.
func Denied(err error) bool {
	var refused *Refused
	return errors.As(err, &refused) && (refused.Code == wire.S3Refusals.Denied.Code || refused.Code == wire.JSONRefusals.Denied.Code)
}

// Object reads an object. It fails with *Refused.
func (c Caller) Object(ctx context.Context, bucket, key string) (string, error) {
	return c.ask(ctx, "s3", http.MethodGet, "/"+bucket+"/"+key, "", "")
}

// PutObject writes one. It fails with *Refused.
func (c Caller) PutObject(ctx context.Context, bucket, key, body string) error {
	_, err := c.ask(ctx, "s3", http.MethodPut, "/"+bucket+"/"+key, "", body)
	return err
}

// Versions reads all versions of an object, in no particular order. It fails with *Refused.
func (c Caller) Versions(ctx context.Context, bucket, key string) (bodies []string, err error) {
	answer, err := c.ask(ctx, "s3", http.MethodGet, "/"+bucket+"?versions&prefix="+url.QueryEscape(key), "", "")
	if err != nil {
		return nil, err
	}
	var list struct {
		Version []struct{ Key, VersionId string }
	}
	if err := xml.Unmarshal([]byte(answer), &list); err != nil {
		return nil, fmt.Errorf("decode the versions of %s: %w", key, err)
	}
	for _, v := range list.Version {
		if v.Key != key {
			continue
		}
		body, err := c.ask(ctx, "s3", http.MethodGet, "/"+bucket+"/"+key+"?versionId="+url.QueryEscape(v.VersionId), "", "")
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

// Parameter reads a parameter of SSM, decrypted. It fails with *Refused.
func (c Caller) Parameter(ctx context.Context, name string) (string, error) {
	question, err := json.Marshal(map[string]any{"Name": name, "WithDecryption": true})
	if err != nil {
		return "", err
	}
	answer, err := c.ask(ctx, "ssm", http.MethodPost, "/", "AmazonSSM.GetParameter", string(question))
	if err != nil {
		return "", err
	}
	var found struct{ Parameter struct{ Value string } }
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		return "", fmt.Errorf("decode parameter %s: %w", name, err)
	}
	return found.Parameter.Value, nil
}

// ask sends a request and reads the answer.
func (c Caller) ask(ctx context.Context, service, method, path, target, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.cloud.endpoint(service)+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	if target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target)
	}
	now := c.cloud.now()
	r.Header.Set("X-Amz-Date", now.Format(stamp))
	r.Header.Set("X-Amz-Content-Sha256", wire.Digest([]byte(body)))
	signed := wire.Authorization{
		Key: c.id, Date: now.Format("20060102"), Region: c.cloud.options.Region, Service: service,
		Headers: []string{"host", "x-amz-content-sha256", "x-amz-date"},
	}
	signed.Signature = signed.Sign(r, []byte(body), c.secret)
	r.Header.Set("Authorization", signed.Header())
	answer, err := c.cloud.client().Do(r)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", service, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxRequest))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", service, err)
	}
	if answer.StatusCode >= 300 {
		return "", refusedBy(answer.StatusCode, text)
	}
	return string(text), nil
}

// endpoint is the URL of a service.
func (c *Cloud) endpoint(service string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endpoints[service]
}

// client trusts the cloud's CA, and keeps no connection open.
func (c *Cloud) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(c.ca.PEM()))
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// refusedBy reads a refusal in the words of S3 or of SSM.
func refusedBy(status int, text []byte) *Refused {
	var inXML struct{ Code, Message string }
	var inJSON struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if xml.Unmarshal(text, &inXML) != nil {
		_ = json.Unmarshal(text, &inJSON)
		inXML.Code, inXML.Message = inJSON.Type, inJSON.Message
	}
	return &Refused{status, inXML.Code, inXML.Message}
}
