;; Finds the structure of a JSON text: every quote that is not escaped, and every bracket outside of strings. It takes 64
;; bytes at a time, each of them one bit of an i64, as the first stage of simdjson does (Langdale and Lemire, 2019).
(module
  ;; From 0 the text, 16 KiB at most, with room for the spaces behind it; from 16448 the places that were found.
  (memory (export "memory") 2 2)

  ;; One bit of each of 64 bytes, which are all ones or all zeros.
  (func $bits (param $a v128) (param $b v128) (param $c v128) (param $d v128) (result i64)
    (i64.or
      (i64.or
        (i64.extend_i32_u (i8x16.bitmask (local.get $a)))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $b))) (i64.const 16)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $c))) (i64.const 32))
        (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $d))) (i64.const 48)))))

  ;; Which of 16 bytes are `[`, `{`, `]` or `}`: of each pair one bit differs.
  (func $brackets (param $a v128) (result v128)
    (local.set $a (v128.or (local.get $a) (i8x16.splat (i32.const 0x20))))
    (v128.or
      (i8x16.eq (local.get $a) (i8x16.splat (i32.const 0x7b)))
      (i8x16.eq (local.get $a) (i8x16.splat (i32.const 0x7d)))))

  ;; The places in a text, counted from its beginning.
  ;;
  ;; $state: what stands before it. Bit 0 says that the text begins inside of a string, bit 1 that its first byte is
  ;; escaped.
  ;; The result is four times the number of places, and the state behind the text, which is right if the text is of
  ;; whole blocks of 64 bytes; of another length only the last text of a body may be.
  (func (export "index") (param $length i32) (param $state i32) (result i32)
    (local $at i32)
    (local $out i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $quotes i64)
    (local $backslashes i64)
    (local $escapes i64)  ;; backslashes that escape
    (local $escaped i64)  ;; what they escape
    (local $found i64)    ;; first the quotes among the places, then all places
    (local $inside i64)   ;; from each opening quote to before its closing one
    (local $begins i64)   ;; all ones if the block begins inside of a string, else all zeros
    (local $carried i64)  ;; bit 0: the block's first byte is escaped
    (local $carry i64)    ;; the same of the next block
    (local $outside i64)  ;; the first backslash outside of strings
    (local $behind i64)   ;; the first quote behind it

    (local.set $out (i32.const 16448))
    (local.set $begins (i64.sub (i64.const 0) (i64.extend_i32_u (i32.and (local.get $state) (i32.const 1)))))
    (local.set $carry (i64.extend_i32_u (i32.shr_u (local.get $state) (i32.const 1))))

    ;; Spaces behind the text, so that the last block has no bytes of another.
    (v128.store offset=0 (local.get $length) (i8x16.splat (i32.const 0x20)))
    (v128.store offset=16 (local.get $length) (i8x16.splat (i32.const 0x20)))
    (v128.store offset=32 (local.get $length) (i8x16.splat (i32.const 0x20)))
    (v128.store offset=48 (local.get $length) (i8x16.splat (i32.const 0x20)))

    (loop $blocks
      (if (i32.lt_u (local.get $at) (local.get $length)) (then
        (block $block
          (local.set $carried (local.get $carry))
          (local.set $a (v128.load offset=0 (local.get $at)))
          (local.set $b (v128.load offset=16 (local.get $at)))
          (local.set $c (v128.load offset=32 (local.get $at)))
          (local.set $d (v128.load offset=48 (local.get $at)))
          (local.set $quotes
            (call $bits
              (i8x16.eq (local.get $a) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $b) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $c) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $d) (i8x16.splat (i32.const 0x22)))))

          ;; Most blocks: the middle of a string. Nothing is in them, and only their last byte matters for the next.
          (local.set $carry (i64.const 0))
          (br_if $block
            (i32.and
              (i32.and (i64.eqz (local.get $quotes)) (i32.wrap_i64 (local.get $begins)))
              (i32.ne (i8x16.extract_lane_u 15 (local.get $d)) (i32.const 0x5c))))

          (local.set $backslashes
            (call $bits
              (i8x16.eq (local.get $a) (i8x16.splat (i32.const 0x5c)))
              (i8x16.eq (local.get $b) (i8x16.splat (i32.const 0x5c)))
              (i8x16.eq (local.get $c) (i8x16.splat (i32.const 0x5c)))
              (i8x16.eq (local.get $d) (i8x16.splat (i32.const 0x5c)))))

          (loop $strings
            ;; Of a run of backslashes the first escapes, the third, and so on. The subtraction borrows through each run,
            ;; from where it begins, and leaves every other bit of it.
            (local.set $escapes (i64.and (local.get $backslashes) (i64.xor (local.get $carried) (i64.const -1))))
            (local.set $escapes
              (i64.xor
                (i64.sub
                  (i64.or (i64.shl (local.get $escapes) (i64.const 1)) (i64.const 0xaaaaaaaaaaaaaaaa))
                  (local.get $escapes))
                (i64.const 0xaaaaaaaaaaaaaaaa)))
            (local.set $escaped (i64.xor (local.get $escapes) (i64.or (local.get $backslashes) (local.get $carried))))
            (local.set $escapes (i64.and (local.get $escapes) (local.get $backslashes)))
            (local.set $carry (i64.shr_u (local.get $escapes) (i64.const 63)))
            (local.set $found (i64.and (local.get $quotes) (i64.xor (local.get $escaped) (i64.const -1))))
            (br_if $block (i32.and (i64.eqz (local.get $found)) (i32.wrap_i64 (local.get $begins))))

            ;; Each bit becomes the parity of the quotes up to it.
            (local.set $inside (local.get $found))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 1))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 2))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 4))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 8))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 16))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 32))))
            (local.set $inside (i64.xor (local.get $inside) (local.get $begins)))

            ;; A backslash outside of strings, which only broken texts have, escapes nothing. Neither do others up to the
            ;; next quote, so it is done once more without them.
            (local.set $outside (i64.and (local.get $backslashes) (i64.xor (local.get $inside) (i64.const -1))))
            (if (i32.eqz (i64.eqz (local.get $outside))) (then
              (local.set $outside (i64.and (local.get $outside) (i64.sub (i64.const 0) (local.get $outside))))
              (local.set $behind (i64.and (local.get $quotes) (i64.sub (i64.const 0) (local.get $outside))))
              (local.set $behind (i64.and (local.get $behind) (i64.sub (i64.const 0) (local.get $behind))))
              (local.set $backslashes
                (i64.and
                  (local.get $backslashes)
                  (i64.xor (i64.sub (local.get $behind) (local.get $outside)) (i64.const -1))))
              (br $strings))))

          (local.set $begins (i64.shr_s (local.get $inside) (i64.const 63)))
          (local.set $found
            (i64.or
              (local.get $found)
              (i64.and
                (call $bits
                  (call $brackets (local.get $a))
                  (call $brackets (local.get $b))
                  (call $brackets (local.get $c))
                  (call $brackets (local.get $d)))
                (i64.xor (local.get $inside) (i64.const -1)))))

          (loop $places
            (br_if $block (i64.eqz (local.get $found)))
            (i32.store (local.get $out) (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $found)))))
            (local.set $out (i32.add (local.get $out) (i32.const 4)))
            (local.set $found (i64.and (local.get $found) (i64.sub (local.get $found) (i64.const 1))))
            (br $places)))

        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $blocks))))

    (i32.or
      (i32.sub (local.get $out) (i32.const 16448))
      (i32.or
        (i32.wrap_i64 (i64.and (local.get $begins) (i64.const 1)))
        (i32.shl (i32.wrap_i64 (local.get $carry)) (i32.const 1))))))
