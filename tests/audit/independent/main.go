// Verify an export of the audit log without any code of the log's authors: Go's own sumdb/note and sumdb/tlog do the work.
// It knows the C2SP formats, the layout of an export and the pairing rule, and shares nothing with the Python verifier.
//
//	verify -key VKEY [-since CHECKPOINT] [-witness VKEY]... DIR     verify one export
//	verify -key VKEY [-since CHECKPOINT] [-witness VKEY]... -batch  the same for each directory named on a line of standard input
//	verify -key VKEY -receipt FILE -entry FILE                      verify one receipt (c2sp.org/tlog-proof@v1)
//
// Exit status 0: verified; 1: not; 2: misused. In a batch, one line an export: "ok", or "bad" and what failed.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8
const tileWidth = 1 << tileHeight

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

type verifier struct {
	vkey      string
	log       note.Verifier
	witnesses []note.Verifier
	since     *checkpoint
}

func main() {
	var witnesses vkeys
	key := flag.String("key", "", "the log's verifier key")
	since := flag.String("since", "", "an older checkpoint")
	batch := flag.Bool("batch", false, "read directories from standard input")
	receipt := flag.String("receipt", "", "a receipt")
	entry := flag.String("entry", "", "the entry that the receipt is for")
	flag.Var(&witnesses, "witness", "the verifier key of a witness (may be repeated)")
	flag.Parse()

	v, err := newVerifier(*key, witnesses, *since)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	switch {
	case *batch:
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			if err := v.export(lines.Text()); err != nil {
				fmt.Printf("bad %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
			} else {
				fmt.Println("ok")
			}
		}
	case *receipt != "":
		exit(v.receipt(*receipt, *entry))
	case flag.NArg() == 1:
		exit(v.export(flag.Arg(0)))
	default:
		flag.Usage()
		os.Exit(2)
	}
}

func exit(err error) {
	if err != nil {
		fmt.Println("bad", err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func newVerifier(vkey string, witnesses []string, since string) (*verifier, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("-key: %v", err)
	}
	v := &verifier{vkey: vkey, log: log}
	for _, w := range witnesses {
		cosigner, err := newCosignatureVerifier(w)
		if err != nil {
			return nil, fmt.Errorf("-witness: %v", err)
		}
		v.witnesses = append(v.witnesses, cosigner)
	}
	if since != "" {
		raw, err := os.ReadFile(since)
		if err != nil {
			return nil, fmt.Errorf("-since: %v", err)
		}
		older, err := (&verifier{vkey: vkey, log: log}).open(raw)
		if err != nil {
			return nil, fmt.Errorf("-since: %v", err)
		}
		v.since = older
	}
	return v, nil
}

// open returns the checkpoint in a note that the log has signed and, if any are asked for, all the witnesses have cosigned.
func (v *verifier) open(raw []byte) (*checkpoint, error) {
	n, err := note.Open(raw, note.VerifierList(append([]note.Verifier{v.log}, v.witnesses...)...))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %v", err)
	}
	if len(n.Sigs) != 1+len(v.witnesses) {
		return nil, fmt.Errorf("checkpoint: %d of the %d signatures asked for are there", len(n.Sigs), 1+len(v.witnesses))
	}
	// note.Open reads base64 with stray bits; a checkpoint has one spelling.
	spelled := n.Text + "\n"
	for _, line := range strings.Split(strings.TrimSuffix(string(raw[len(n.Text)+1:]), "\n"), "\n") {
		at := strings.LastIndex(line, " ")
		sig, err := base64.StdEncoding.Strict().DecodeString(line[at+1:])
		if err != nil {
			return nil, fmt.Errorf("checkpoint: %v", err)
		}
		spelled += line[:at+1] + base64.StdEncoding.EncodeToString(sig) + "\n"
	}
	if spelled != string(raw) {
		return nil, fmt.Errorf("checkpoint: not in canonical form")
	}

	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return nil, fmt.Errorf("checkpoint: fewer than three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return nil, fmt.Errorf("checkpoint: malformed size")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return nil, fmt.Errorf("checkpoint: malformed root")
	}
	c := &checkpoint{origin: lines[0], tree: tlog.Tree{N: size}}
	copy(c.tree.Hash[:], root)
	if c.origin != v.log.Name() {
		return nil, fmt.Errorf("checkpoint: of another log, %q", c.origin)
	}
	return c, nil
}

// export verifies everything in a directory: the files, each entry, each tile, the root, the older checkpoint and the pairing rule.
func (v *verifier) export(dir string) error {
	raw, err := readPlain(dir, "checkpoint")
	if err != nil {
		return err
	}
	if v, err = v.follow(dir); err != nil {
		return err
	}
	head, err := v.open(raw)
	if err != nil {
		return err
	}
	if vkey, err := readPlain(dir, "log.vkey"); err != nil || string(vkey) != v.vkey+"\n" {
		return fmt.Errorf("log.vkey does not hold the log's key")
	}
	hashes, rulebooks, err := readEntries(dir, head.tree.N)
	if err != nil {
		return err
	}
	if err := onlyWhatBelongs(dir, head.tree.N, rulebooks); err != nil {
		return err
	}
	for digest, index := range rulebooks {
		text, err := readPlain(dir, rulebookPath(digest))
		if err != nil {
			return fmt.Errorf("entry %d: the rulebook that it names: %v", index, err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != digest {
			return fmt.Errorf("entry %d: the text of the rulebook that it names was altered", index)
		}
	}
	for _, tile := range tilesOf(head.tree.N) {
		want, err := tlog.ReadTileData(tile, hashes)
		if err != nil {
			return err
		}
		if got, err := readPlain(dir, path(tile)); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("entry %d: %s is not the tile of the entries", tile.N<<(tileHeight*(tile.L+1)), path(tile))
		}
	}
	root, err := treeHash(head.tree.N, hashes)
	if err != nil {
		return err
	}
	if root != head.tree.Hash {
		return fmt.Errorf("the entries do not have the root that was signed")
	}
	return v.extends(head, hashes)
}

// follow returns a verifier with the key to which the trusted one leads: each change is signed by the key before it and by the new one.
// That the entries themselves are in the log is checked with all the others.
func (v *verifier) follow(dir string) (*verifier, error) {
	lines, err := readPlain(dir, "entries.jsonl")
	if err != nil {
		return nil, err
	}
	now, led, reached := *v, "", false
	for _, line := range bytes.Split(lines, []byte("\n")) {
		var entry struct{ Kind, Note, Old, New string }
		if json.Unmarshal(line, &entry) != nil || entry.Kind != "key-change" || entry.Note == "" {
			continue
		}
		if led != "" && entry.Old != led {
			return nil, fmt.Errorf("a key change does not start at the key that the last one led to")
		}
		led = entry.New
		reached = reached || entry.Old == v.vkey || entry.New == v.vkey
		if entry.Old != now.vkey {
			continue
		}
		next, err := note.NewVerifier(entry.New)
		if err != nil || next.Name() != now.log.Name() {
			return nil, fmt.Errorf("a key change leads to no key of this log")
		}
		signed, err := note.Open([]byte(entry.Note), note.VerifierList(now.log, next))
		if err != nil || len(signed.Sigs) != 2 || signed.Text != "custodes key-change v1\n"+entry.Old+"\n"+entry.New+"\n" {
			return nil, fmt.Errorf("a key change is not signed by both keys")
		}
		now.vkey, now.log = entry.New, next
	}
	if led != "" && !reached {
		return nil, fmt.Errorf("the key changes neither start at the key that was given nor lead to it")
	}
	return &now, nil
}

// extends checks that the older checkpoint's tree is a prefix, by a consistency proof as RFC 6962 defines it.
func (v *verifier) extends(head *checkpoint, hashes tlog.HashReader) error {
	if v.since == nil || v.since.tree.N == 0 {
		return nil
	}
	if v.since.tree.N > head.tree.N {
		return fmt.Errorf("entry %d: rolled back from %d entries", head.tree.N, v.since.tree.N)
	}
	proof, err := tlog.ProveTree(head.tree.N, v.since.tree.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, head.tree.N, head.tree.Hash, v.since.tree.N, v.since.tree.Hash); err != nil {
		return fmt.Errorf("history was rewritten: %v", err)
	}
	return nil
}

// storedHashes is the tree as tlog stores it, in memory.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(s)) {
			return nil, fmt.Errorf("no stored hash %d", at)
		}
		found[i] = s[at]
	}
	return found, nil
}

func treeHash(n int64, hashes tlog.HashReader) (tlog.Hash, error) {
	if n == 0 {
		return tlog.Hash{
			0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
			0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
		}, nil
	}
	return tlog.TreeHash(n, hashes)
}

// readEntries reads the entry bundles, compares them with entries.jsonl and the hash tiles, and builds the tree.
// It also tells which rulebooks the entries name, and the first entry that names each.
func readEntries(dir string, size int64) (storedHashes, map[string]int64, error) {
	lines, err := readPlain(dir, "entries.jsonl")
	if err != nil {
		return nil, nil, err
	}
	var hashes storedHashes
	open, rulebooks := map[int64]bool{}, map[string]int64{}
	for index := int64(0); index < size; {
		width := size - index
		if width > tileWidth {
			width = tileWidth
		}
		bundle, err := readPlain(dir, entriesPath(index/tileWidth, width))
		if err != nil {
			return nil, nil, fmt.Errorf("entry %d: %v", index, err)
		}
		tile, err := readPlain(dir, path(tlog.Tile{H: tileHeight, L: 0, N: index / tileWidth, W: int(width)}))
		if err != nil {
			return nil, nil, fmt.Errorf("entry %d: %v", index, err)
		}
		for ; width > 0; width-- {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return nil, nil, fmt.Errorf("entry %d: the bundle breaks off", index)
			}
			entry := bundle[2 : 2+binary.BigEndian.Uint16(bundle)]
			bundle = bundle[2+len(entry):]
			hash := tlog.RecordHash(entry)
			if len(tile) < tlog.HashSize || !bytes.Equal(hash[:], tile[:tlog.HashSize]) {
				return nil, nil, fmt.Errorf("entry %d: not the one whose hash the tile holds", index)
			}
			tile = tile[tlog.HashSize:]
			if !bytes.HasPrefix(lines, append(append([]byte{}, entry...), '\n')) {
				return nil, nil, fmt.Errorf("entry %d: entries.jsonl differs", index)
			}
			lines = lines[len(entry)+1:]
			if err := pair(index, entry, open, rulebooks); err != nil {
				return nil, nil, fmt.Errorf("entry %d: %v", index, err)
			}
			more, err := tlog.StoredHashesForRecordHash(index, hash, hashes)
			if err != nil {
				return nil, nil, err
			}
			hashes = append(hashes, more...)
			index++
		}
		if len(bundle) != 0 || len(tile) != 0 {
			return nil, nil, fmt.Errorf("entry %d: bytes are left over in the bundle or the tile before it", index)
		}
	}
	if len(lines) != 0 {
		return nil, nil, fmt.Errorf("entry %d: entries.jsonl goes on after the last entry", size)
	}
	for index := range open {
		return nil, nil, fmt.Errorf("entry %d: the intent was never closed", index)
	}
	return hashes, rulebooks, nil
}

// pair checks that each intent is closed once, by an outcome or an abandonment after it.
func pair(index int64, raw []byte, open map[int64]bool, rulebooks map[string]int64) error {
	var entry struct {
		Intent   *int64
		Rulebook interface{}
	}
	kind, err := wellFormed(raw)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &entry); err != nil {
		return err
	}
	if kind == "genesis" && index > 1 {
		return fmt.Errorf("a log begins once")
	}
	if digest, ok := entry.Rulebook.(string); ok && isDigest(digest) {
		if _, known := rulebooks[digest]; !known {
			rulebooks[digest] = index
		}
	}
	switch kind {
	case "intent":
		open[index] = true
	case "outcome", "abandoned":
		if entry.Intent == nil || !open[*entry.Intent] {
			return fmt.Errorf("it closes no open intent")
		}
		delete(open, *entry.Intent)
	}
	return nil
}

func isDigest(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == text
}

func rulebookPath(digest string) string {
	return "rulebooks/" + digest + ".json"
}

// onlyWhatBelongs refuses any file, link or empty directory that an export of this size does not have.
func onlyWhatBelongs(dir string, size int64, rulebooks map[string]int64) error {
	expected := map[string]bool{"checkpoint": true, "log.vkey": true, "entries.jsonl": true}
	for _, tile := range tilesOf(size) {
		expected[path(tile)] = true
		if tile.L == 0 {
			expected[entriesPath(tile.N, int64(tile.W))] = true
		}
	}
	for digest := range rulebooks {
		expected[rulebookPath(digest)] = true
	}
	folders := map[string]bool{".": true}
	for name := range expected {
		for folder := filepath.Dir(name); folder != "."; folder = filepath.Dir(folder) {
			folders[folder] = true
		}
	}
	return filepath.WalkDir(dir, func(full string, item fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, full)
		if err != nil {
			return err
		}
		if item.IsDir() && folders[name] || item.Type().IsRegular() && expected[name] {
			return nil
		}
		return fmt.Errorf("%q does not belong to this export", name)
	})
}

// tilesOf names the tiles of a tree: the full ones, and one partial tile at the end of each level that needs it.
func tilesOf(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		hashes := size >> (tileHeight * level)
		for n := int64(0); n*tileWidth < hashes; n++ {
			width := hashes - n*tileWidth
			if width > tileWidth {
				width = tileWidth
			}
			tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: n, W: int(width)})
		}
	}
	return tiles
}

// path is a tile's path in C2SP's form, which has no height in it.
func path(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
}

func entriesPath(n, width int64) string {
	tile := tlog.Tile{H: tileHeight, L: -1, N: n, W: int(width)}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/data/")
}

// receipt verifies that an entry lies where a receipt says, under a checkpoint that the log has signed.
func (v *verifier) receipt(receiptFile, entryFile string) error {
	raw, err := os.ReadFile(receiptFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	at := bytes.Index(raw, []byte("\n\n"))
	if at < 0 {
		return fmt.Errorf("no empty line")
	}
	head, err := v.open(raw[at+2:])
	if err != nil {
		return err
	}
	lines := strings.Split(string(raw[:at]), "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return fmt.Errorf("no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckRecord(proof, head.tree.N, head.tree.Hash, index, tlog.RecordHash(entry))
}

// cosignature verifies cosignature/v1 lines (type 0x04); Go's own verifier knows type 0x01 alone.
type cosignature struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosignatureVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("malformed key")
	}
	hash, err1 := strconv.ParseUint(parts[1], 16, 32)
	key, err2 := base64.StdEncoding.DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(key) != 33 || key[0] != 4 {
		return nil, fmt.Errorf("malformed key")
	}
	return &cosignature{parts[0], uint32(hash), key[1:]}, nil
}

func (c *cosignature) Name() string    { return c.name }
func (c *cosignature) KeyHash() uint32 { return c.hash }
func (c *cosignature) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

type vkeys []string

func (v *vkeys) String() string     { return strings.Join(*v, " ") }
func (v *vkeys) Set(s string) error { *v = append(*v, s); return nil }
