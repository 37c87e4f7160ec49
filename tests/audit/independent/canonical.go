package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
)

// What an entry must be, whatever it says: canonical JSON (RFC 8785) of at most 8 KiB, with its version, kind and time.

const maxEntry = 8192
const maxInteger = 1<<53 - 1
const maxFile = 1 << 33

var (
	wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,16})$`)
	kindWord    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	moment      = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`)
)

// wellFormed checks one entry by itself, and returns its kind.
func wellFormed(raw []byte) (string, error) {
	if len(raw) > maxEntry {
		return "", fmt.Errorf("longer than any entry")
	}
	var value interface{}
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.UseNumber()
	if err := reader.Decode(&value); err != nil {
		return "", err
	}
	entry, ok := value.(map[string]interface{})
	if !ok {
		return "", fmt.Errorf("not a JSON object")
	}
	var again bytes.Buffer
	if err := respell(&again, value); err != nil {
		return "", err
	}
	if !bytes.Equal(again.Bytes(), raw) {
		return "", fmt.Errorf("not canonical JSON")
	}
	kind, _ := entry["kind"].(string)
	at, _ := entry["at"].(string)
	if entry["v"] != json.Number("1") || !kindWord.MatchString(kind) || !moment.MatchString(at) {
		return "", fmt.Errorf("no entry: it lacks its version, its kind or its time")
	}
	return kind, nil
}

func respell(out *bytes.Buffer, value interface{}) error {
	switch value := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(value))
	case string:
		quote(out, value)
	case json.Number:
		number, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || !wholeNumber.MatchString(string(value)) || number > maxInteger || number < -maxInteger {
			return fmt.Errorf("a number that is not whole, or beyond 2^53 - 1")
		}
		out.WriteString(string(value))
	case []interface{}:
		out.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := respell(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case map[string]interface{}:
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		sort.Slice(names, func(i, j int) bool { return before(names[i], names[j]) })
		out.WriteByte('{')
		for i, name := range names {
			if i > 0 {
				out.WriteByte(',')
			}
			quote(out, name)
			out.WriteByte(':')
			if err := respell(out, value[name]); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	}
	return nil
}

// before orders names by their UTF-16 code units, as RFC 8785 does.
func before(one, other string) bool {
	a, b := utf16.Encode([]rune(one)), utf16.Encode([]rune(other))
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}

func quote(out *bytes.Buffer, text string) {
	out.WriteByte('"')
	for _, letter := range text {
		if at := strings.IndexRune("\"\\\b\t\n\f\r", letter); at >= 0 {
			out.WriteByte('\\')
			out.WriteByte(`"\btnfr`[at])
		} else if letter < 0x20 {
			fmt.Fprintf(out, `\u%04x`, letter)
		} else {
			out.WriteRune(letter)
		}
	}
	out.WriteByte('"')
}

// readPlain reads a plain file of an export; a pipe in its place would keep the reader waiting for ever, and a link leads elsewhere.
func readPlain(dir, name string) ([]byte, error) {
	place := filepath.Join(dir, name)
	found, err := os.Lstat(place)
	if err != nil {
		return nil, err
	}
	if !found.Mode().IsRegular() || found.Size() > maxFile {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return os.ReadFile(place)
}
