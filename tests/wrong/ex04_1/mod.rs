//! Answers to exercise 4.1: the solution and a slow one pass, the usual mistakes fail, each with the report beside it.

#[path = "../../../examples/solutions/ex04_1.rs"]
mod solution;

answers! {
    Server(serve)
    pass: solution, slow_but_right
    fail: not_begun, keeps_the_mask, masks_too, one_read, one_frame_a_read, mask_goes_on, empty_ends, seven_bits,
        long_heads, two_bytes, no_close, stays, looks_at_nothing, reads_all_first, question_mark, always_long,
        always_text, half_a_length, length_first, mask_in_the_answer, one_client, one_close_for_all,
        panics_at_the_answer, panics_at_the_end, panics_in_the_length, panics_in_the_payload, stays_after_an_error,
        one_reserved_bit
}
